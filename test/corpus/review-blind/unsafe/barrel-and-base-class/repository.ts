import type { Knex } from "knex";

export abstract class Repository<Row extends object> {
  protected abstract readonly table: string;

  constructor(protected readonly knex: Knex) {}

  protected rows(trx?: Knex.Transaction) {
    return (trx ?? this.knex)<Row>(this.table);
  }
}

export class UserRepository extends Repository<{ id: string; quota_remaining: number }> {
  protected readonly table = "users";

  find(id: string, trx?: Knex.Transaction) {
    return this.rows(trx).where({ id }).first();
  }

  setQuota(id: string, quota: number, trx: Knex.Transaction) {
    return this.rows(trx).where({ id }).update({ quota_remaining: quota });
  }
}
