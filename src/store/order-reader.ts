/** Reads of orders: as committed, nothing locked, each by an index. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { OrderId, PaymentId } from "../billing/id.ts";
import type { OrderFilter, OrderReader, RefundFilter } from "../billing/order/books.ts";
import { timeText, type Row } from "./cell.ts";
import { gather } from "./gather.ts";
import { findOrderFiles, keysOf } from "./order-facts.ts";
import { readOrder, readRefund, readStep, transactionIndex } from "./order-rows.ts";
import type { Sealer } from "./sealer.ts";
import { literal } from "./sql.ts";
import { reading } from "./transaction.ts";

/** Callbacks come in bursts, and each looks for its order. */
const TOGETHER = { max: 64, atOnce: 4 } as const;

/** @param sealer undefined where no keys are configured: then there are no orders */
export function createOrderReader(orm: MikroORM, sealer: Sealer | undefined): OrderReader {
  const rows = (sql: string): Promise<Row[]> => reading(orm, (em) => em.execute<Row[]>(sql));
  const findOrder = gather(async (ids: readonly OrderId[]) => {
    // One look at all of it: a payment that is booked in between must not come without its order.
    const files = await reading(orm, (em) =>
      em.transactional((within) => findOrderFiles(within, new Set(ids), keysOf(sealer)), { readOnly: true }),
    );
    return ids.map((orderId) => files.get(orderId));
  }, TOGETHER);
  return {
    findOrder: async (orderId) => (sealer === undefined ? undefined : findOrder(orderId)),
    async findRefund(refundId) {
      const [row] = await rows(`select * from refunds where refund_id = ${literal(refundId)}`);
      return row && readRefund(row);
    },
    async listSteps(subjectId) {
      const sql = `select * from order_steps where subject_id = ${literal(subjectId)} order by sequence`;
      return (await rows(sql)).map(readStep);
    },
    async listOrders(filter, { after, limit }) {
      const conditions = ofOrders(filter);
      if (after !== null) conditions.push(`order_id < ${literal(after.orderId)}`);
      const found = await rows(
        `select * from orders where ${conditions.join(" and ")} order by order_id desc limit ${limit}`,
      );
      return found.map((row) => readOrder(row, keysOf(sealer)));
    },
    async listRefunds(filter, { after, limit }) {
      const conditions = ofRefunds(filter);
      if (after !== null) conditions.push(`refund_id < ${literal(after.refundId)}`);
      const found = await rows(
        `select * from refunds where ${conditions.join(" and ")} order by refund_id desc limit ${limit}`,
      );
      return found.map(readRefund);
    },
    async findTransaction(transactionId) {
      if (sealer === undefined) return undefined;
      const index = literal(transactionIndex(transactionId, sealer));
      const [row] = await rows(
        `select order_id, payment_id from payments where transaction_index = ${index}`,
      );
      return (
        row && { orderId: row["order_id"] as OrderId, paymentId: row["payment_id"] as PaymentId }
      );
    },
  };
}

function ofOrders({ userId, state, startTimeMs, endTimeMs }: OrderFilter): string[] {
  const conditions = ["true"];
  if (userId !== null) conditions.push(`user_id = ${literal(userId)}`);
  if (state !== null) conditions.push(`state = ${literal(state)}`);
  if (startTimeMs !== null) conditions.push(`create_time >= ${literal(timeText(startTimeMs))}`);
  if (endTimeMs !== null) conditions.push(`create_time < ${literal(timeText(endTimeMs))}`);
  return conditions;
}

function ofRefunds({ orderId, userId, state }: RefundFilter): string[] {
  const conditions = ["true"];
  if (orderId !== null) conditions.push(`order_id = ${literal(orderId)}`);
  if (userId !== null) conditions.push(`user_id = ${literal(userId)}`);
  if (state !== null) conditions.push(`state = ${literal(state)}`);
  return conditions;
}
