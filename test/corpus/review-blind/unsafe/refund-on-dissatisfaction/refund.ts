import { knex } from "./db";

export async function refundOnce(taskId: string) {
  await knex.transaction(async (trx) => {
    const task = await trx("tasks").where({ id: taskId }).forUpdate().first();
    if (task.refunded) return;
    await trx("tasks").where({ id: taskId }).update({ refunded: true });
    await trx("users").where({ id: task.user_id }).increment("quota_remaining", task.quota_cost);
  });
}
