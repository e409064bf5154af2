// expect: none
import { db } from "./db";
export async function spend(id: string, cost: number) {
  const preview = await db("users").where({ id }).first();
  const label = preview.credits > 100 ? "rich" : "poor";
  await db.transaction(async (trx) => {
    const user = await trx("users").where({ id }).forUpdate().first();
    if (user.credits < cost) throw new Error(label);
    await trx("users").where({ id }).update({ credits: user.credits - cost, label });
  });
}
