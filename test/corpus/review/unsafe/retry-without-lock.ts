// expect: BG002
import { db } from "./db";
async function withRetry(work) {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 2) throw error;
    }
  }
}
export async function spend(userId: string) {
  return withRetry(() => db.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).first();
    if (user.credits < 1) throw new Error("no credits");
    await trx("users").where({ id: userId }).decrement("credits", 1);
  }));
}
