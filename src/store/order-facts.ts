/** The facts of orders that a batch needs, and what it writes of them: one statement a table. */
import type { EntityManager } from "@mikro-orm/mysql";
import type { OrderId, UserId } from "../billing/id.ts";
import type { OrderFile } from "../billing/order/order.ts";
import type { Account } from "../billing/quota/account.ts";
import type { BatchWrites, Ticket } from "../billing/quota/serve.ts";
import { assert } from "../billing/refusal.ts";
import type { Lot } from "../billing/quota/lot.ts";
import { inserted, updated, type Statement } from "./bulk.ts";
import { readLot } from "./grant-rows.ts";
import {
  ORDERS,
  ORDER_COLUMNS,
  ORDER_KEY,
  PAYMENTS,
  PAYMENT_NUMBERS,
  REFUNDS,
  REFUND_COLUMNS,
  REFUND_KEY,
  STEPS,
  orderCells,
  orderChange,
  paymentCells,
  paymentNumberCells,
  readOrder,
  readPayment,
  readRefund,
  refundCells,
  refundChange,
  stepCells,
} from "./order-rows.ts";
import { MEMBERSHIP_STEPS, membershipStepCells } from "./membership-rows.ts";
import { OUTBOX_EVENTS, outboxCells } from "./outbox-rows.ts";
import type { Sealer } from "./sealer.ts";
import { listSql, literal } from "./sql.ts";
import { ask, type Question } from "./together.ts";

/** Loads the orders that the tickets name into their owners' accounts, which are locked. */
export async function loadOrders(
  em: EntityManager,
  tickets: readonly Ticket[],
  accounts: ReadonlyMap<UserId, Account>,
  sealer: Sealer | undefined,
): Promise<void> {
  const ids = new Set<OrderId>();
  const counted = new Set<UserId>();
  for (const { useCase, command, userId } of tickets) {
    const { orderId, openOrders } = useCase.needs(command.input);
    if (orderId !== undefined) ids.add(orderId);
    if (openOrders && userId !== undefined) counted.add(userId);
  }
  const [open, files, lots] = await ask(em, [
    openOrdersQuestion(counted),
    ids.size === 0 ? NO_FILES : orderFilesQuestion(ids, keysOf(sealer)),
    orderLotsQuestion(ids),
  ]);
  for (const [userId, count] of open) {
    const account = accounts.get(userId);
    if (account) account.openOrders = count;
  }
  for (const [orderId, file] of files) accounts.get(file.order.userId)?.orders.set(orderId, file);
  for (const lot of lots) {
    // The account has the open and scheduled ones already.
    const known = accounts.get(lot.userId)?.lots;
    if (known && !known.some(({ grantId }) => grantId === lot.grantId)) known.push(lot);
  }
}

/** @throws Error when no keys are configured: then no order can have been made */
export function keysOf(sealer: Sealer | undefined): Sealer {
  assert(sealer !== undefined, "orders need SEALING_KEYS_FILE");
  return sealer;
}

/** Orders with all that belongs to them, as the statements see them. */
export async function findOrderFiles(
  em: EntityManager,
  ids: Iterable<OrderId>,
  sealer: Sealer,
): Promise<Map<OrderId, OrderFile>> {
  const [files] = await ask<[OrderFiles]>(em, [orderFilesQuestion(ids, sealer)]);
  return files;
}

type OrderFiles = Map<OrderId, OrderFile>;

const NO_FILES: Question<OrderFiles> = { queries: [], read: () => new Map() };

function orderFilesQuestion(ids: Iterable<OrderId>, sealer: Sealer): Question<OrderFiles> {
  const named = `where order_id in (${listSql(ids)})`;
  return {
    queries: [
      `select * from payments join payment_numbers using (payment_id) ${named} order by payment_id`,
      `select * from refunds ${named} order by refund_id`,
      `select * from orders ${named}`,
    ],
    read(paymentRows = [], refundRows = [], orderRows = []) {
      const files: OrderFiles = new Map();
      const payments = Map.groupBy(
        paymentRows.map((row) => readPayment(row, sealer)),
        ({ orderId }) => orderId,
      );
      const refunds = Map.groupBy(refundRows.map(readRefund), ({ orderId }) => orderId);
      for (const row of orderRows) {
        const order = readOrder(row, sealer);
        const { orderId } = order;
        const file = { payments: payments.get(orderId) ?? [], refunds: refunds.get(orderId) ?? [] };
        files.set(orderId, { order, ...file });
      }
      return files;
    },
  };
}

/** How many orders of a user wait for their payment; users without one are left out. */
function openOrdersQuestion(users: ReadonlySet<UserId>): Question<[UserId, number][]> {
  const sql = `select user_id, count(*) as n from orders
    where user_id in (${users.size === 0 ? "" : listSql(users)}) and state in ('CREATED','PENDING') group by user_id`;
  return {
    queries: users.size === 0 ? [] : [sql],
    read: (rows = []) => rows.map((row) => [row["user_id"] as UserId, Number(row["n"])]),
  };
}

/** Lots that the orders gave, whatever their state. */
function orderLotsQuestion(ids: ReadonlySet<OrderId>): Question<Lot[]> {
  // The order's id, and the id with a colon and more behind it; ";" comes next after ":".
  const sources = [...ids].map((id) => {
    const first = literal(id);
    const more = `source_id > ${literal(`${id}:`)} and source_id < ${literal(`${id};`)}`;
    return `(source_id = ${first} or (${more}))`;
  });
  const sql = `select * from quota_grants where source_kind = 'ORDER' and (${sources.join(" or ")})`;
  return { queries: ids.size === 0 ? [] : [sql], read: (rows = []) => rows.map(readLot) };
}

/** Statements for what a batch decided about orders, the record of memberships, and the events of all of it. */
export function orderStatements(writes: BatchWrites, sealer: Sealer | undefined): Statements {
  return [
    ...(touchesOrders(writes) ? tradeStatements(writes, keysOf(sealer)) : []),
    inserted(MEMBERSHIP_STEPS, writes.membershipSteps.map(membershipStepCells)),
    inserted(OUTBOX_EVENTS, writes.events.map(outboxCells)),
  ];
}

type Statements = (Statement | undefined)[];

function touchesOrders({ steps, changedOrders, changedRefunds, payments }: BatchWrites): boolean {
  return steps.length + changedOrders.size + changedRefunds.size + payments.length > 0;
}

function tradeStatements(writes: BatchWrites, keys: Sealer): Statements {
  const { newOrders, changedOrders, newRefunds, changedRefunds, payments, steps } = writes;
  const orders = [...newOrders.values()].map((order) => orderCells(order, keys));
  const changed = [...changedOrders.values()].map((order) => orderChange(order, keys));
  const numbers = payments.map((payment) => paymentNumberCells(payment, keys));
  const moved = [...changedRefunds.values()].map(refundChange);
  return [
    inserted(
      PAYMENTS,
      payments.map((payment) => paymentCells(payment, keys)),
    ),
    inserted(PAYMENT_NUMBERS, numbers),
    inserted(ORDERS, orders),
    updated(ORDERS, ORDER_KEY, ORDER_COLUMNS, changed),
    inserted(REFUNDS, [...newRefunds.values()].map(refundCells)),
    updated(REFUNDS, REFUND_KEY, REFUND_COLUMNS, moved),
    inserted(STEPS, steps.map(stepCells)),
  ];
}
