import type { Knex } from "knex";

export class QuotaRepository {
  async giveBack(trx: Knex.Transaction, userId: string, amount: number): Promise<void> {
    await trx("users").where({ id: userId }).increment("quota_remaining", amount);
  }
}
