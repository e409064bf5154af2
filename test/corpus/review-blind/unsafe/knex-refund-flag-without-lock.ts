// expect: FAIL
// item: 2
import { knex } from "./db";

export async function onTaskFailed(taskId: string): Promise<void> {
  const task = await knex("tasks").where({ id: taskId }).first();
  if (!task || task.refunded) return;

  await knex.transaction(async (trx) => {
    await trx("users").where({ id: task.user_id }).increment("quota_remaining", task.quota_cost);
    await trx("tasks").where({ id: taskId }).update({ refunded: true });
  });
}
