// expect: none
import { db } from "./db";
async function apply(trx, user, cost: number) {
  if (user.credits < cost) throw new Error("no credits");
  await trx("users").where({ id: user.id }).update({ credits: user.credits - cost });
}
export async function spend(id: string, cost: number) {
  await db.transaction(async (trx) => {
    const user = await trx("users").where({ id }).forUpdate().first();
    await apply(trx, user, cost);
  });
}
