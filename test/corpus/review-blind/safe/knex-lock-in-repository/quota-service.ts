// expect: none
// item: 1
import type { Knex } from "knex";
import { UserRepository } from "./user-repository";

export class QuotaService {
  private readonly users: UserRepository;

  constructor(private readonly knex: Knex) {
    this.users = new UserRepository(knex);
  }

  async deduct(userId: string, cost: number): Promise<number> {
    return this.knex.transaction(async (trx) => {
      const user = await this.users.lockById(userId, trx);
      if (!user || user.quota_remaining < cost) throw new Error("QUOTA_INSUFFICIENT");
      const left = user.quota_remaining - cost;
      await this.users.setQuota(userId, left, trx);
      return left;
    });
  }
}
