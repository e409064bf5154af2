// expect: none
// item: 2
import type { Knex } from "knex";

// quota_refunds.task_id is unique: a second refund of a task fails with ER_DUP_ENTRY and rolls back.
export async function refund(knex: Knex, taskId: string, userId: string, amount: number) {
  await knex.transaction(async (trx) => {
    const inserted = await trx("quota_refunds")
      .insert({ task_id: taskId, user_id: userId, amount })
      .onConflict("task_id")
      .ignore()
      .returning("task_id");
    if (inserted.length === 0) return;
    await trx("users").where({ id: userId }).increment("quota_remaining", amount);
  });
}
