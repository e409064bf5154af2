// expect: BG003
import { db } from "./db";
export async function spend(userId: string, cost: number, lock: boolean) {
  await db.transaction(async (trx) => {
    const query = trx("users").where({ id: userId });
    if (lock) query.forUpdate();
    const user = await query.first();
    if (user.credits < cost) throw new Error("no credits");
    await trx("users").where({ id: userId }).update({ credits: user.credits - cost });
  });
}
