// expect: none
// item: 2
import { knex } from "./db";

export async function onTaskFailed(task: { id: string; userId: string; cost: number }) {
  await knex.transaction(async (trx) => {
    const claimed = await trx("tasks")
      .where({ id: task.id, refunded: false })
      .update({ refunded: true, status: "failed" });
    if (claimed !== 1) return;
    await trx("users").where({ id: task.userId }).increment("quota_remaining", task.cost);
  });
}
