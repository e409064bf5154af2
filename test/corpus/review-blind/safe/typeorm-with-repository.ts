// expect: none
// item: 1
import { DataSource, Repository } from "typeorm";
import { Quota } from "./quota.entity";

export class QuotaService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly quotas: Repository<Quota>,
  ) {}

  async take(userId: string, n: number) {
    return this.dataSource.transaction(async (manager) => {
      const quotas = manager.withRepository(this.quotas);
      const quota = await quotas.findOneOrFail({
        where: { userId },
        lock: { mode: "pessimistic_write" },
      });
      if (quota.remaining < n) throw new Error("exhausted");
      quota.remaining -= n;
      await quotas.save(quota);
      return quota.remaining;
    });
  }
}
