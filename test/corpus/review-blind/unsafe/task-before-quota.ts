// expect: FAIL
// item: 1
import type { Knex } from "knex";

async function deductQuota(trx: Knex.Transaction, userId: string, cost: number) {
  const user = await trx("users").where({ id: userId }).forUpdate().first();
  if (user.quota_remaining < cost) throw new Error("quota exhausted");
  await trx("users").where({ id: userId }).decrement("quota_remaining", cost);
}

export async function createTask(knex: Knex, user: { id: string; isMember: boolean }, cost: number) {
  if (!user.isMember) throw new Error("MEMBERSHIP_REQUIRED");
  const [taskId] = await knex("tasks").insert({
    user_id: user.id,
    status: "queued",
    eligible_for_refund: true,
  });
  await knex.transaction((trx) => deductQuota(trx, user.id, cost));
  return taskId;
}
