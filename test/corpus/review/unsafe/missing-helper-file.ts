// expect: BG092
import { deductCredits } from "./credits";
export async function generate(userId: string) {
  await deductCredits(userId, 1);
  return { ok: true };
}
