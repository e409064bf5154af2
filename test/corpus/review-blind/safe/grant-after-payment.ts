// expect: none
// item: 2
import type { Knex } from "knex";

// A purchase gives quota once: the state of the order decides, and it changes once.
export async function settleOrder(knex: Knex, orderNo: string) {
  await knex.transaction(async (trx) => {
    const order = await trx("orders").where({ order_no: orderNo }).forUpdate().first();
    if (order.status !== "PENDING") return;
    await trx("orders").where({ order_no: orderNo }).update({ status: "PAID" });
    await trx("users").where({ id: order.user_id }).increment("quota_remaining", order.quota_amount);
  });
}
