// expect: FAIL
// item: 1
import { DataSource } from "typeorm";
import { Subscription } from "./subscription.entity";
import { User } from "./user.entity";

export class MeteringService {
  constructor(private readonly dataSource: DataSource) {}

  async meter(userId: string, units: number) {
    await this.dataSource.transaction(async (em) => {
      const subscription = await em.findOne(Subscription, {
        where: { userId },
        lock: { mode: "pessimistic_write" },
      });
      if (subscription?.state !== "active") throw new Error("no subscription");

      const user = await em.findOneByOrFail(User, { id: userId });
      if (user.quota < units) throw new Error("over quota");
      await em.update(User, { id: userId }, { quota: user.quota - units });
    });
  }
}
