// expect: FAIL
// item: 2
import type { Knex } from "knex";

export class RefundService {
  constructor(private readonly knex: Knex) {}

  async refundQuota(taskId: string) {
    await this.knex.transaction(async (trx) => {
      const log = await trx("quota_logs").where({ task_id: taskId, type: "consume" }).first();
      if (!log) return;
      await trx("users").where({ id: log.user_id }).forUpdate().first();
      await trx("users").where({ id: log.user_id }).increment("quota_remaining", log.amount);
      await trx("quota_logs").insert({
        user_id: log.user_id,
        task_id: taskId,
        type: "refund",
        amount: log.amount,
      });
    });
  }
}
