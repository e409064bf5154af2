// expect: none
import { db } from "./db";
export async function spend(userId: string, cost: number) {
  const outcome = await db.transaction(async (trx) => {
    const row = await trx("quotas").where({ user_id: userId }).forUpdate().first("remaining");
    const remaining = row?.remaining ?? 0;
    const enough = remaining >= cost;
    if (enough) {
      await trx("quotas").where({ user_id: userId }).update({ remaining: remaining - cost });
    }
    return { enough, remaining: enough ? remaining - cost : remaining };
  });
  if (!outcome.enough) throw new Error("no quota");
  return outcome.remaining;
}
