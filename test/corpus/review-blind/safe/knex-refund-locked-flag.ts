// expect: none
// item: 2
import type { Knex } from "knex";

export class RefundService {
  constructor(private readonly knex: Knex) {}

  async refundQuota(taskId: string): Promise<boolean> {
    return this.knex.transaction(async (trx) => {
      const task = await trx("tasks").where({ id: taskId }).forUpdate().first();
      if (!task || task.refunded || !task.eligible_for_refund) return false;
      await trx("tasks").where({ id: taskId }).update({ refunded: true });
      await trx("users").where({ id: task.user_id }).increment("quota_remaining", task.quota_cost);
      await trx("quota_logs").insert({
        user_id: task.user_id,
        task_id: taskId,
        type: "refund",
        amount: task.quota_cost,
      });
      return true;
    });
  }
}
