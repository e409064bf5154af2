// expect: BG007
import { db } from "./db";
export async function refundTask(taskId: string) {
  const task = await db("tasks").where({ id: taskId }).first();
  if (task.refunded) return false;
  await db.transaction(async (trx) => {
    await trx("users").where({ id: task.user_id }).increment("quota_remaining", task.cost);
    await trx("tasks").where({ id: taskId }).update({ refunded: true });
  });
  return true;
}
