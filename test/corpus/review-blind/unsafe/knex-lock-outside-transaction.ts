// expect: FAIL
// item: 1
import { db } from "./db";

// Every statement here runs on its own connection, so the lock ends with the SELECT.
export async function consumeQuota(userId: string, n: number) {
  const row = await db("users").where({ id: userId }).forUpdate().first("quota_remaining");
  if (row.quota_remaining < n) return false;
  await db("users").where({ id: userId }).update({ quota_remaining: row.quota_remaining - n });
  return true;
}
