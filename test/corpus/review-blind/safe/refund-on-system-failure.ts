// expect: none
// item: 5
import { knex } from "./db";

type Outcome = { status: "succeeded" } | { status: "failed"; code: "TIMEOUT" | "UPSTREAM_ERROR" };

export async function onTaskFinished(taskId: string, outcome: Outcome) {
  if (outcome.status === "succeeded") return;
  await knex.transaction(async (trx) => {
    const task = await trx("tasks").where({ id: taskId }).forUpdate().first();
    if (!task.eligible_for_refund || task.refunded) return;
    await trx("tasks").where({ id: taskId }).update({ refunded: true, failure: outcome.code });
    await trx("users").where({ id: task.user_id }).increment("quota_remaining", task.quota_cost);
  });
}
