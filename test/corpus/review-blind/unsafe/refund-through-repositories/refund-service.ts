// expect: FAIL
// item: 2
import type { Knex } from "knex";
import { QuotaRepository } from "./quota-repository";
import { TaskRepository } from "./task-repository";

export class RefundService {
  private readonly quotas = new QuotaRepository();
  private readonly tasks = new TaskRepository();

  constructor(private readonly knex: Knex) {}

  async refund(taskId: string) {
    await this.knex.transaction(async (trx) => {
      const task = await this.tasks.find(trx, taskId);
      if (!task || task.refunded) return;
      await this.tasks.markRefunded(trx, taskId);
      await this.quotas.giveBack(trx, task.user_id, task.quota_cost);
    });
  }
}
