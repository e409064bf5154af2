// expect: BG003
import { db } from "./db";
export async function chargeJob(jobId: string, userId: string) {
  await db.transaction(async (trx) => {
    await trx("jobs").where({ id: jobId }).forUpdate().first();
    const user = await trx("users").where({ id: userId }).first();
    if (user.credits < 1) throw new Error("no credits");
    await trx("users").where({ id: userId }).update({ credits: user.credits - 1 });
  });
}
