// expect: none
// item: 1
import type { Knex } from "knex";
import type Redlock from "redlock";

export class QuotaService {
  constructor(
    private readonly knex: Knex,
    private readonly redlock: Redlock,
  ) {}

  async consume(userId: string, cost: number) {
    const lock = await this.redlock.acquire([`quota:${userId}`], 5_000);
    try {
      await this.knex.transaction(async (trx) => {
        const [user] = await trx("users").where("id", userId).forUpdate();
        if (user.quota_remaining < cost) throw new Error("quota exhausted");
        await trx("users").where("id", userId).update("quota_remaining", user.quota_remaining - cost);
      });
    } finally {
      await lock.release();
    }
  }
}
