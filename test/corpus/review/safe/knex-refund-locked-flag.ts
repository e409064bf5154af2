// expect: none
import { db } from "./db";
export async function refundQuota(taskId: string) {
  return db.transaction(async (trx) => {
    const task = await trx("tasks").where({ id: taskId }).forUpdate().first();
    if (!task || task.refunded || !task.eligible_for_refund) return false;
    await trx("users").where({ id: task.user_id }).increment("quota_remaining", task.quota_cost);
    await trx("tasks").where({ id: taskId }).update({ refunded: true });
    return true;
  });
}
