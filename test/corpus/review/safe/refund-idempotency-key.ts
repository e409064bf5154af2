// expect: none
import { db } from "./db";
export async function refundQuota(userId: string, amount: number, idempotencyKey: string) {
  await db.transaction(async (trx) => {
    await trx("quota_refunds").insert({ idempotency_key: idempotencyKey, user_id: userId, amount });
    await trx("users").where({ id: userId }).increment("quota_remaining", amount);
  });
}
