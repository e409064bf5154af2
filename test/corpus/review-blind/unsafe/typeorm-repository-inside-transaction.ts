// expect: FAIL
// item: 1
import { DataSource, Repository } from "typeorm";
import { Quota } from "./quota.entity";

export class QuotaService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly quotas: Repository<Quota>,
  ) {}

  async take(userId: string, n: number) {
    return this.dataSource.transaction(async () => {
      // The repository belongs to the default connection, not to this transaction.
      const quota = await this.quotas.findOneByOrFail({ userId });
      if (quota.remaining < n) throw new Error("exhausted");
      quota.remaining -= n;
      await this.quotas.save(quota);
      return quota.remaining;
    });
  }
}
