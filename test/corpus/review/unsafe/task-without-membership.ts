// expect: BG009
import { db } from "./db";
export async function createTask(userId: string, taskId: string) {
  await db.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).forUpdate().first();
    if (user.quota_remaining < 1) throw new Error("NO_QUOTA");
    await trx("users").where({ id: userId }).decrement("quota_remaining", 1);
    await trx("tasks").insert({ id: taskId, user_id: userId, eligible_for_refund: true });
  });
}
