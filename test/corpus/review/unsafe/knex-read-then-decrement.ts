// expect: BG001
import { db } from "./db";
export async function useCredit(userId: string, cost: number) {
  const user = await db("users").where({ id: userId }).first();
  if (user.credits < cost) throw new Error("insufficient credits");
  await db("users").where({ id: userId }).decrement("credits", cost);
}
