// expect: BG006
import { db } from "./db";
export async function consume(userId: string, n: number) {
  await db.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).forUpdate().first();
    if (!user) throw new Error("unknown user");
    await trx("users").where({ id: userId }).decrement("quota_remaining", n);
  });
}
