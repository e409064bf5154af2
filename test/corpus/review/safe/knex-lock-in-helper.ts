// expect: none
import { db } from "./db";
async function lockUser(trx, id: string) {
  return trx("users").where({ id }).forUpdate().first();
}
function assertEnough(user, cost: number) {
  if (!user || user.quota_remaining < cost) throw new Error("INSUFFICIENT_QUOTA");
}
export async function deductQuota(userId: string, cost: number) {
  await db.transaction(async (trx) => {
    const user = await lockUser(trx, userId);
    assertEnough(user, cost);
    await trx("users").where({ id: userId }).update({ quota_remaining: user.quota_remaining - cost });
  });
}
