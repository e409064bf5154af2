// expect: none
import { db } from "./db";
export async function deductQuota(userId: string, cost: number) {
  return await db.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).forUpdate().first();
    if (!user || user.quota_remaining < cost) throw new Error("INSUFFICIENT_QUOTA");
    await trx("users").where({ id: userId }).decrement("quota_remaining", cost);
    await trx("quota_logs").insert({ user_id: userId, type: "consume", amount: cost });
  });
}
