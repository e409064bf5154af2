// expect: none
import { db } from "./db";
export async function spend(id: string, cost: number) {
  await db.transaction().execute(async (trx) => {
    const user = await trx.selectFrom("users").select("credits").where("id", "=", id).forUpdate().executeTakeFirstOrThrow();
    if (user.credits < cost) throw new Error("no credits");
    await trx.updateTable("users").set((eb) => ({ credits: eb("credits", "-", cost) })).where("id", "=", id).execute();
  });
}
