// expect: FAIL
// item: 1
import type { Knex } from "knex";

export async function chargeForTask(knex: Knex, taskId: string) {
  await knex.transaction(async (trx) => {
    const task = await trx("tasks").where({ id: taskId }).forUpdate().first();
    if (task.status !== "pending") throw new Error("task is not pending");

    const user = await trx("users").where({ id: task.user_id }).first();
    const left = user.quota_remaining - task.cost;
    if (left < 0) throw new Error("quota exhausted");

    await trx("users").where({ id: user.id }).update({ quota_remaining: left });
    await trx("tasks").where({ id: taskId }).update({ status: "charged" });
  });
}
