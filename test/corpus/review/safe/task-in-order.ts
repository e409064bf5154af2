// expect: none
import { db } from "./db";
export async function createTask(userId: string, taskId: string, featureId: string) {
  await db.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).forUpdate().first();
    if (!user || user.membership_until < new Date()) throw new Error("MEMBERSHIP_REQUIRED");
    if (user.quota_remaining < 1) throw new Error("NO_QUOTA");
    await trx("users").where({ id: userId }).decrement("quota_remaining", 1);
    await trx("tasks").insert({ id: taskId, user_id: userId, feature_id: featureId, eligible_for_refund: true });
  });
}
