// expect: FAIL
// item: 3
import type { Knex } from "knex";

export async function createTask(knex: Knex, userId: string, featureId: string, cost: number) {
  return knex.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).forUpdate().first();
    if (user.membership_until < new Date()) throw new Error("MEMBERSHIP_REQUIRED");
    if (user.quota_remaining < cost) throw new Error("QUOTA_INSUFFICIENT");
    await trx("users").where({ id: userId }).decrement("quota_remaining", cost);
    await trx("quota_logs").insert({ user_id: userId, type: "consume", amount: cost });
    const [taskId] = await trx("tasks").insert({
      user_id: userId,
      feature_id: featureId,
      quota_cost: cost,
      status: "pending",
      eligible_for_refund: false,
    });
    return taskId;
  });
}
