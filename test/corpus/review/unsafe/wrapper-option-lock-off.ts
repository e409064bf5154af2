// expect: BG002
import { db } from "./db";
async function getUser(id: string, { trx, lock = false }: { trx?: any; lock?: boolean } = {}) {
  let query = (trx ?? db)("users").where({ id });
  if (lock) query = query.forUpdate();
  return query.first();
}
export async function spend(id: string, cost: number) {
  await db.transaction(async (trx) => {
    const user = await getUser(id, { trx });
    if (user.credits < cost) throw new Error("no credits");
    await trx("users").where({ id }).decrement("credits", cost);
  });
}
