// expect: BG008
import { db } from "./db";
export async function handle(taskId: string, reason: string) {
  await db.transaction(async (trx) => {
    const task = await trx("tasks").where({ id: taskId }).forUpdate().first();
    if (task.refunded) return;
    if (reason === "差评") {
      await trx("tasks").where({ id: taskId }).update({ refunded: true });
      await trx("users").where({ id: task.user_id }).increment("quota_remaining", 1);
    }
  });
}
