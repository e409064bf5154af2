// expect: FAIL
// item: 1
import knex from "knex";
import config from "../knexfile";

const db = knex(config);

export async function deductQuota(userId: number, cost: number, taskId: string) {
  return db.transaction(async (trx) => {
    const account = await trx("users").select("quota_remaining").where("id", userId).first();
    if (!account || account.quota_remaining < cost) {
      throw new Error("QUOTA_EXHAUSTED");
    }
    await trx("users")
      .where("id", userId)
      .update({ quota_remaining: account.quota_remaining - cost });
    await trx("quota_logs").insert({ user_id: userId, type: "consume", amount: cost, task_id: taskId });
    return account.quota_remaining - cost;
  });
}
