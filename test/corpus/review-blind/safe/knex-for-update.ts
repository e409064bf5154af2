// expect: none
// item: 1
import type { Knex } from "knex";

export async function deductQuota(db: Knex, userId: string, cost: number, taskId: string) {
  return db.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).forUpdate().first();
    if (!user) throw new Error("USER_NOT_FOUND");
    if (user.quota_remaining < cost) throw new Error("QUOTA_INSUFFICIENT");
    await trx("users").where({ id: userId }).decrement("quota_remaining", cost);
    await trx("quota_logs").insert({ user_id: userId, type: "consume", amount: cost, task_id: taskId });
    return user.quota_remaining - cost;
  });
}
