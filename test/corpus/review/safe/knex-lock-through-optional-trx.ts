// expect: none
import { db } from "./db";
export async function spend(userId: string, cost: number, trx) {
  const conn = trx ?? db;
  const user = await conn("users").where({ id: userId }).forUpdate().first();
  if (user.credits < cost) throw new Error("no credits");
  await conn("users").where({ id: userId }).decrement("credits", cost);
}
export async function buy(userId: string) {
  await db.transaction(async (t) => { await spend(userId, 5, t); });
}
