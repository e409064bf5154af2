// expect: FAIL
// item: 1
import type { Knex } from "knex";
import { UserRepository } from "./index";

export class QuotaService {
  private readonly users: UserRepository;

  constructor(private readonly knex: Knex) {
    this.users = new UserRepository(knex);
  }

  deduct(id: string, cost: number) {
    return this.knex.transaction(async (trx) => {
      const user = await this.users.find(id, trx);
      if (!user || user.quota_remaining < cost) throw new Error("QUOTA_INSUFFICIENT");
      await this.users.setQuota(id, user.quota_remaining - cost, trx);
    });
  }
}
