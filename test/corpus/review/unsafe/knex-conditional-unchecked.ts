// expect: BG005
import { db } from "./db";
export async function consume(userId: string) {
  await db("accounts").where({ user_id: userId }).andWhere("credits_remaining", ">=", 1).decrement("credits_remaining", 1);
  return startGeneration(userId);
}
