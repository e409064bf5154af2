import type { Knex } from "knex";

export interface UserRow {
  id: string;
  quota_remaining: number;
}

export class UserRepository {
  constructor(private readonly knex: Knex) {}

  private query(trx?: Knex.Transaction) {
    return (trx ?? this.knex)<UserRow>("users");
  }

  lockById(id: string, trx: Knex.Transaction) {
    return this.query(trx).where({ id }).forUpdate().first();
  }

  async setQuota(id: string, quota: number, trx?: Knex.Transaction) {
    await this.query(trx).where({ id }).update({ quota_remaining: quota });
  }
}
