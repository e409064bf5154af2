/** What is booked for a day: payments by the time of payment, refunds by the time of acceptance. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { DAY_MS } from "../billing/clock.ts";
import { idsFrom } from "../billing/id.ts";
import {
  paymentKey,
  refundKey,
  type Bill,
  type BillDay,
  type BillLedger,
  type BookedPayment,
} from "../billing/order/bill.ts";
import type { FlowRefund } from "../billing/order/flow-bill.ts";
import type { RefundState } from "../billing/order/order.ts";
import { msOrNull, timeText, toBigInt, type Row } from "./cell.ts";
import { readPayment, transactionIndex } from "./order-rows.ts";
import type { Sealer } from "./sealer.ts";
import { listSql, literal } from "./sql.ts";
import { reading } from "./transaction.ts";

/** Rows of one statement: so much is held by the driver beside what is made of it. */
const PAGE = 1_000;
/** A refund that the provider doesn't take for long, for want of money, is followed for so long. */
const ACCEPTED_WITHIN_MS = 31 * DAY_MS;
/** A refund's second step is the first that the provider has taken: the first is our wish. */
const ACCEPTED = 2;

export interface LedgerParts {
  readonly em: EntityManager;
  readonly sealer: Sealer;
  readonly day: BillDay;
}

export function readLedger(orm: MikroORM, sealer: Sealer, day: BillDay, bill: Bill): Promise<BillLedger> {
  return reading(orm, async (em) => {
    const parts = { em, sealer, day };
    const named = new Map(
      bill.rows
        .filter(({ refund }) => refund === null)
        .map(({ transactionId }) => [transactionIndex(transactionId, sealer), transactionId]),
    );
    const numbers = new Set(
      bill.rows.flatMap(({ refund }) => (refund === null ? [] : [refund.outRefundNo])),
    );
    const payments = await findPayments(parts, named);
    const refunds = await findRefunds(parts, numbers);
    const elsewhere = new Set([
      ...(await paymentsElsewhere(parts, new Map([...payments.byIndex, ...named]))),
      ...(await refundsElsewhere(
        parts,
        new Set([...numbers, ...refunds.map(({ refundId }) => refundId)]),
      )),
    ]);
    return { day, payments: payments.booked, refunds, elsewhere };
  });
}

const WITH_NUMBERS = "join payment_numbers n on n.payment_id = p.payment_id";

/** The provider's numbers of payments by their keyed hashes. */
export type NumbersByIndex = ReadonlyMap<string, string>;

export async function findPayments(
  { em, sealer, day }: LedgerParts,
  named: NumbersByIndex,
): Promise<{ readonly booked: BookedPayment[]; readonly byIndex: NumbersByIndex }> {
  const booked: BookedPayment[] = [];
  const byIndex = new Map<string, string>();
  const keep = (rows: readonly Row[]) => {
    for (const row of rows) {
      const { orderId, transactionId, amountFen, currency, payTimeMs } = readPayment(row, sealer);
      booked.push({ orderId, transactionId, amountFen, currency, payTimeMs });
      byIndex.set(row["transaction_index"] as string, transactionId);
    }
  };
  const end = literal(timeText(day.endMs));
  let after = `p.pay_time >= ${literal(timeText(day.startMs))}`;
  for (;;) {
    const rows = await em.execute<Row[]>(
      `select p.*, n.transaction_sealed from payments p force index (payments_pay_time) ${WITH_NUMBERS}
        where p.pay_time < ${end} and ${after} order by p.pay_time, p.payment_id limit ${PAGE}`,
    );
    keep(rows);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) break;
    const time = literal(timeText(msOrNull(last["pay_time"])!));
    const id = literal(last["payment_id"] as string);
    after = `p.pay_time >= ${time} and (p.pay_time > ${time} or p.payment_id > ${id})`;
  }
  for (const some of chunks([...named.keys()].filter((index) => !byIndex.has(index)))) {
    const sql = `select p.*, n.transaction_sealed from payments p ${WITH_NUMBERS}
      where p.transaction_index in (${listSql(some)})`;
    keep(await em.execute<Row[]>(sql));
  }
  return { booked, byIndex };
}

export async function findRefunds(
  { em, day }: LedgerParts,
  named: ReadonlySet<string>,
): Promise<FlowRefund[]> {
  const found = new Map<string, FlowRefund>();
  const keep = (rows: readonly Row[]) => {
    for (const row of rows) found.set(row["refund_id"] as string, bookedRefund(row));
  };
  const start = literal(timeText(day.startMs));
  const end = literal(timeText(day.endMs));
  const before = literal(idsFrom("rfd", day.endMs));
  let after = `r.refund_id >= ${literal(idsFrom("rfd", day.startMs - ACCEPTED_WITHIN_MS))}`;
  for (;;) {
    const rows = await em.execute<Row[]>(
      `${REFUNDS_WITH_ACCEPTANCE} where ${after} and r.refund_id < ${before}
        and s.create_time >= ${start} and s.create_time < ${end} order by r.refund_id limit ${PAGE}`,
    );
    keep(rows);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) break;
    after = `r.refund_id > ${literal(last["refund_id"] as string)}`;
  }
  for (const some of chunks(named)) {
    keep(await em.execute<Row[]>(`${REFUNDS_WITH_ACCEPTANCE} where r.refund_id in (${listSql(some)})`));
  }
  return [...found.values()];
}

const REFUNDS_WITH_ACCEPTANCE = `select r.refund_id, r.order_id, r.amount_fen, r.state, r.success_time,
    r.provider_refund_id, s.create_time as accept_time,
    (select max(c.create_time) from order_steps c where c.subject_id = r.refund_id
      and c.to_state = 'CLOSED' and r.state = 'CLOSED') as close_time
  from refunds r left join order_steps s on s.subject_id = r.refund_id and s.sequence = ${ACCEPTED}`;

function bookedRefund(row: Row): FlowRefund {
  return {
    refundId: row["refund_id"] as string,
    orderId: row["order_id"] as string,
    amountFen: toBigInt(row["amount_fen"]),
    state: row["state"] as RefundState,
    acceptTimeMs: msOrNull(row["accept_time"]),
    successTimeMs: msOrNull(row["success_time"]),
    providerRefundId: row["provider_refund_id"] as string | null,
    closeTimeMs: msOrNull(row["close_time"]),
  };
}

/** Keys of payments, in the bill or in the books, that the present bills of other days list. */
async function paymentsElsewhere(
  { em, day }: LedgerParts,
  byIndex: NumbersByIndex,
): Promise<string[]> {
  const keys: string[] = [];
  for (const some of chunks([...byIndex.keys()])) {
    const rows = await em.execute<Row[]>(
      `${rowsOfOtherDays(day)} and b.kind = 'PAYMENT' and b.transaction_index in (${listSql(some)})`,
    );
    for (const row of rows) {
      const transactionId = byIndex.get(row["transaction_index"] as string)!;
      keys.push(paymentKey(transactionId, row["order_id"] as string));
    }
  }
  return keys;
}

async function refundsElsewhere({ em, day }: LedgerParts, ids: ReadonlySet<string>): Promise<string[]> {
  const keys: string[] = [];
  for (const some of chunks(ids)) {
    const rows = await em.execute<Row[]>(`${rowsOfOtherDays(day)} and b.refund_id in (${listSql(some)})`);
    keys.push(...rows.map((row) => refundKey(row["refund_id"] as string, row["order_id"] as string)));
  }
  return keys;
}

function rowsOfOtherDays({ date }: BillDay): string {
  return `select b.order_id, b.transaction_index, b.refund_id from bill_rows b
    join bill_imports i on i.bill_id = b.bill_id
    where i.type = 'TRADE' and i.state = 'CURRENT' and i.bill_date <> ${literal(date)}`;
}

export function* chunks(values: Iterable<string>): Generator<string[]> {
  const all = [...values];
  for (let at = 0; at < all.length; at += PAGE) yield all.slice(at, at + PAGE);
}
