// expect: BG001
import { getManager } from "typeorm";
export async function spend(userId: string, amount: number) {
  const [user] = await getManager().query("SELECT credits FROM users WHERE id = $1", [userId]);
  if (user.credits < amount) throw new Error("no");
  await getManager().query(`UPDATE users SET credits = ${user.credits - amount} WHERE id = '${userId}'`);
}
