// expect: BG007
import { db } from "./db";
export async function refundQuota(userId: string, amount: number) {
  await db("users").where({ id: userId }).increment("quota_remaining", amount);
}
