// expect: BG092
import { repo } from "./repo";
export async function change(userId: string, action: string) {
  await repo[action]({ id: userId }, "credits", 1);
}
