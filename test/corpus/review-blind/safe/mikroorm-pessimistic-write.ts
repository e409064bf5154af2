// expect: none
// item: 1
import { LockMode, type EntityManager } from "@mikro-orm/mysql";
import { QuotaLog } from "./entities/quota-log.ts";
import { User } from "./entities/user.ts";

export class DeductQuota {
  constructor(private readonly em: EntityManager) {}

  run(userId: string, cost: number): Promise<number> {
    return this.em.transactional(async (em) => {
      const user = await em.findOneOrFail(User, { id: userId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (user.quotaRemaining < cost) throw new Error("QUOTA_INSUFFICIENT");
      user.quotaRemaining -= cost;
      em.create(QuotaLog, { user, type: "consume", amount: cost });
      return user.quotaRemaining;
    });
  }
}
