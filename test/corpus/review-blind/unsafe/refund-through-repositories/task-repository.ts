import type { Knex } from "knex";

export class TaskRepository {
  find(trx: Knex.Transaction, id: string) {
    return trx("tasks").where({ id }).first();
  }

  async markRefunded(trx: Knex.Transaction, id: string): Promise<void> {
    await trx("tasks").where({ id }).update({ refunded: true });
  }
}
