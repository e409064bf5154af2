// expect: none
import { db } from "./db";
export async function refundQuota(taskId: string, reason: string) {
  if (reason === "bad_review" || reason === "dissatisfied") throw new Error("subjective reasons give nothing back");
  await db.transaction(async (trx) => {
    const task = await trx("tasks").where({ id: taskId }).forUpdate().first();
    if (task.refunded) return;
    await trx("tasks").where({ id: taskId }).update({ refunded: true });
    await trx("users").where({ id: task.user_id }).increment("quota_remaining", task.quota_cost);
  });
}
