import type { Knex } from "knex";

export class QuotaRepository {
  constructor(private readonly knex: Knex) {}

  findForUpdate(userId: string, trx: Knex.Transaction) {
    return trx("users").where({ id: userId }).forUpdate().first();
  }

  // Takes no transaction: it always runs on the pool.
  async setRemaining(userId: string, remaining: number) {
    await this.knex("users").where({ id: userId }).update({ quota_remaining: remaining });
  }

  async currentRemaining(userId: string): Promise<number> {
    const row = await this.knex("users").where({ id: userId }).first("quota_remaining");
    return row.quota_remaining;
  }
}
