// expect: FAIL
// item: 1
import { EntityManager } from "@mikro-orm/mysql";
import { User } from "./entities/user.ts";
import { QuotaLog } from "./entities/quota-log.ts";

export class DeductQuota {
  constructor(private readonly em: EntityManager) {}

  async run(userId: string, cost: number): Promise<number> {
    const em = this.em.fork();
    const user = await em.findOneOrFail(User, { id: userId });
    if (user.quotaRemaining < cost) throw new Error("QUOTA_INSUFFICIENT");
    user.quotaRemaining -= cost;
    em.create(QuotaLog, { user, type: "consume", amount: cost });
    await em.flush();
    return user.quotaRemaining;
  }
}
