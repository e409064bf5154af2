// expect: BG003
import { db } from "./db";
export async function spend(userId: string, cost: number) {
  await db.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).first("id", "credits");
    if (user.credits < cost) throw new Error("no credits");
    await trx("users").where({ id: userId }).forUpdate().first();
    await trx("users").where({ id: userId }).update({ credits: user.credits - cost });
  });
}
