// expect: none
// file: schema.sql
CREATE TABLE quota_refunds (id int, task_id varchar(36) NOT NULL, amount int, UNIQUE KEY uk (task_id));
// file: refund.ts
import { db } from "./db";
export async function refundQuota(taskId: string, userId: string, amount: number) {
  await db.transaction(async (trx) => {
    await trx("quota_refunds").insert({ task_id: taskId, amount });
    await trx("users").where({ id: userId }).increment("quota_remaining", amount);
  });
}
