// expect: none
// item: 1
import { raw, type EntityManager } from "@mikro-orm/mysql";
import { User } from "./user.ts";

export async function take(em: EntityManager, userId: string, cost: number) {
  const changed = await em.nativeUpdate(
    User,
    { id: userId, quotaRemaining: { $gte: cost } },
    { quotaRemaining: raw("quota_remaining - ?", [cost]) },
  );
  if (changed !== 1) throw new Error("QUOTA_INSUFFICIENT");
}
