// expect: BG008
import { db } from "./db";
export async function onReview(taskId: string, review: { rating: number }) {
  if (review.rating > 2) return;
  await db.transaction(async (trx) => {
    const task = await trx("tasks").where({ id: taskId }).forUpdate().first();
    if (task.refunded) return;
    await trx("tasks").where({ id: taskId }).update({ refunded: true });
    await trx("users").where({ id: task.user_id }).increment("quota_remaining", task.quota_cost);
  });
}
