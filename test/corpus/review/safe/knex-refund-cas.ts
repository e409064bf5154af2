// expect: none
import { db } from "./db";
export async function refundQuota(taskId: string, userId: string, cost: number) {
  await db.transaction(async (trx) => {
    const claimed = await trx("tasks").where({ id: taskId, refunded: false }).update({ refunded: true });
    if (claimed !== 1) return;
    await trx("users").where({ id: userId }).increment("quota_remaining", cost);
  });
}
