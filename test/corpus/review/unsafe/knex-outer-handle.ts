// expect: BG004
import { db } from "./db";
export async function deductQuota(userId: string) {
  await db.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).forUpdate().first();
    if (user.quota_remaining < 1) throw new Error("no quota");
    await db("users").where({ id: userId }).decrement("quota_remaining", 1);
  });
}
