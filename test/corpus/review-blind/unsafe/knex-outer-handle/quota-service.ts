// expect: FAIL
// item: 1
import type { Knex } from "knex";
import { QuotaRepository } from "./quota-repository";

export class QuotaService {
  private readonly quotas: QuotaRepository;

  constructor(private readonly knex: Knex) {
    this.quotas = new QuotaRepository(knex);
  }

  async deduct(userId: string, cost: number) {
    await this.knex.transaction(async (trx) => {
      const remaining = await this.quotas.currentRemaining(userId);
      if (remaining < cost) throw new Error("not enough quota");
      await this.quotas.setRemaining(userId, remaining - cost);
      await trx("quota_logs").insert({ user_id: userId, amount: cost, type: "consume" });
    });
  }
}
