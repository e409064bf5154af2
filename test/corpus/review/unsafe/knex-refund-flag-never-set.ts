// expect: BG007
import { db } from "./db";
export async function refundTask(taskId: string) {
  await db.transaction(async (trx) => {
    const task = await trx("tasks").where({ id: taskId }).forUpdate().first();
    if (task.refunded) return;
    await trx("users").where({ id: task.user_id }).increment("quota_remaining", task.cost);
  });
}
