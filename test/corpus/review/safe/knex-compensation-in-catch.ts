// expect: none
import { db } from "./db";
export async function run(userId: string) {
  await db.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).forUpdate().first();
    if (user.credits < 1) throw new Error("no credits");
    await trx("users").where({ id: userId }).decrement("credits", 1);
  });
  try {
    return await render(userId);
  } catch (error) {
    await db("users").where({ id: userId }).increment("credits", 1);
    throw error;
  }
}
