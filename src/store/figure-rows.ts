/** What a day's figures are made of in the ledgers: for each figure one statement that gives its rows by their ids. */
import type { EntityManager } from "@mikro-orm/mysql";
import type { Page } from "../billing/quota/reader.ts";
import { dayText, type DayRange } from "../billing/report/days.ts";
import { recognisedWithin, standingAt } from "../billing/report/recognition.ts";
import type { DayRows, FigureRow } from "../billing/report/report.ts";
import { msOrNull, toBigInt, type Row } from "./cell.ts";
import { within, writtenWithin } from "./day-facts.ts";
import { earningsPage, type OrderEarning } from "./earning-rows.ts";
import { literal } from "./sql.ts";

type RowPage = Page<{ readonly rowId: string }>;

/** A ledger's rows: row_id, user_id, time, amount and description of each that counts on the day. */
interface LedgerRows {
  readonly source: string;
  /** True: they are changes of a balance. */
  readonly isChange?: boolean;
  sql(day: number): string;
}

const ordersCreated: LedgerRows = {
  source: "orders",
  sql: (day) => `select order_id as row_id, user_id, create_time as time, 1 as amount,
      concat(lower(kind), '/', product_id) as description from orders
    where ${writtenWithin("order_id", "ord", day)} and ${within("create_time", day)}`,
};

const ordersClosed: LedgerRows = {
  source: "orders",
  sql: (day) => `select order_id as row_id, user_id, close_time as time, 1 as amount,
      concat(lower(kind), '/', product_id) as description from orders
    where state = 'CLOSED' and ${within("close_time", day)}`,
};

function payments(granted: boolean, amount: string): LedgerRows {
  const disposition = granted ? "disposition = 'GRANTED'" : "disposition <> 'GRANTED'";
  return {
    source: "payments",
    sql: (day) => `select payment_id as row_id, user_id, pay_time as time, ${amount} as amount,
        order_id as description from payments where ${disposition} and ${within("pay_time", day)}`,
  };
}

function refunds(granted: boolean, amount: string): LedgerRows {
  const disposition = granted ? "p.disposition = 'GRANTED'" : "p.disposition <> 'GRANTED'";
  return {
    source: "refunds",
    sql: (day) => `select r.refund_id as row_id, r.user_id, r.success_time as time,
        ${amount} as amount, r.order_id as description
      from refunds r join payments p on p.payment_id = r.payment_id
      where r.state = 'SUCCEEDED' and ${disposition} and ${within("r.success_time", day)}`,
  };
}

function quotaLogs(amount: string, types: readonly string[], isChange = false): LedgerRows {
  const list = types.map((type) => literal(type)).join(",");
  return {
    source: "quota_logs",
    isChange,
    sql: (day) => `select concat(operation_id, ':', lpad(line, 5, '0')) as row_id, user_id,
        create_time as time, ${amount} as amount, description from quota_logs
      where ${writtenWithin("operation_id", "op", day)} and ${within("create_time", day)}
        and ${types.length === 0 ? "true" : `type in (${list})`} and ${amount} <> 0`,
  };
}

function transitions(amount: string, condition: string, isChange = false): LedgerRows {
  return {
    source: "membership_transitions",
    isChange,
    sql: (day) => `select concat(user_id, ':', lpad(sequence, 10, '0')) as row_id, user_id,
        create_time as time, ${amount} as amount, event as description from membership_transitions
      where ${within("create_time", day)} and ${condition}`,
  };
}

function stateChange(state: string): LedgerRows {
  const change = `(to_state = '${state}') - (from_state = '${state}')`;
  return transitions(change, `(to_state = '${state}') <> (from_state = '${state}')`, true);
}

const vendorCosts: LedgerRows = {
  source: "vendor_costs",
  sql: (day) => `select cost_id as row_id, coalesce(user_id, '') as user_id, occur_time as time,
      amount_micro_yuan as amount, concat(vendor, '/', service) as description from vendor_costs
    where day = ${literal(dayText(day))}`,
};

const paymentFees: LedgerRows = {
  source: "bill_rows",
  sql: (day) => `select concat(bill_id, ':', lpad(line, 10, '0')) as row_id, '' as user_id, time,
      fee_micro_yuan as amount, order_id as description from bill_rows
    where bill_id = (select bill_id from bill_imports
        where bill_date = ${literal(dayText(day))} and type = 'TRADE'
        order by create_time desc, bill_id desc limit 1)`,
};

const LEDGER_ROWS: Readonly<Record<string, LedgerRows>> = {
  "orders.created": ordersCreated,
  "orders.paid": payments(true, "1"),
  "orders.closed": ordersClosed,
  "orders.refunds": refunds(true, "1"),
  "revenue.sales": payments(true, "amount_fen"),
  "revenue.refunded": refunds(true, "r.amount_fen"),
  "revenue.unowed_received": payments(false, "amount_fen"),
  "revenue.unowed_returned": refunds(false, "r.amount_fen"),
  "quota.granted": quotaLogs("available_change", ["GRANT", "ACTIVATE", "RESTORE"]),
  "quota.reserved": quotaLogs("held_change", ["RESERVE"]),
  "quota.used": quotaLogs("-held_change", ["COMMIT"]),
  "quota.returned": quotaLogs("available_change", ["RELEASE", "EXPIRE_HOLD"]),
  "quota.refunded": quotaLogs("available_change", ["REFUND"]),
  "quota.refunded_after_use": quotaLogs("(available_change + held_change)", ["REFUND"]),
  "quota.lapsed": quotaLogs("-available_change", ["EXPIRE_GRANT"]),
  "quota.revoked": quotaLogs("-available_change", ["REVOKE"]),
  "quota.liability": quotaLogs("(available_change + held_change)", [], true),
  "members.registered": transitions("1", "event = 'REGISTERED'"),
  "members.activated": transitions("1", "event = 'ACTIVATED'"),
  "members.renewed": transitions("1", "event = 'RENEWED'"),
  "members.lapsed": transitions("1", "to_state = 'LAPSED' and from_state <> 'LAPSED'"),
  "members.trial": stateChange("TRIAL"),
  "members.active": stateChange("ACTIVE"),
  "costs.vendors": vendorCosts,
  "costs.payment_fees": paymentFees,
};

/** Figures that are made of orders, each by a rule that SQL doesn't have. */
const EARNED: Readonly<Record<string, (order: OrderEarning, day: number) => bigint>> = {
  "revenue.recognised": ({ earning }, day) => recognisedWithin(earning, day, day + 1),
  "revenue.deferred": ({ earning }, day) => standingAt(earning, day).deferredFen,
};

/** @param em within a snapshot @returns undefined where the figure is made of other figures */
export async function dayRowsOf(
  em: EntityManager,
  figureId: string,
  day: number,
  page: RowPage,
): Promise<DayRows | undefined> {
  const earned = EARNED[figureId];
  if (earned !== undefined) return { rows: await earnedRows(em, earned, day, page), change: null };
  const ledger = LEDGER_ROWS[figureId];
  if (ledger === undefined) return undefined;
  const after = page.after === null ? "" : page.after.rowId;
  const found = await em.execute<Row[]>(
    `select * from (${ledger.sql(day)}) f where row_id > ${literal(after)}
      order by row_id limit ${page.limit}`,
  );
  const rows = found.map((row): FigureRow => ({
    source: ledger.source,
    rowId: row["row_id"] as string,
    userId: row["user_id"] as string,
    timeMs: msOrNull(row["time"]),
    amount: toBigInt(row["amount"]),
    description: row["description"] as string,
  }));
  if (ledger.isChange !== true) return { rows, change: null };
  const [sum] = await em.execute<Row[]>(
    `select coalesce(sum(amount), 0) as total from (${ledger.sql(day)}) f`,
  );
  return { rows, change: toBigInt(sum!["total"]) };
}

async function earnedRows(
  em: EntityManager,
  amountOf: (order: OrderEarning, day: number) => bigint,
  day: number,
  { after, limit }: RowPage,
): Promise<FigureRow[]> {
  const days: DayRange = { first: day, end: day + 1 };
  const rows: FigureRow[] = [];
  let last = after?.rowId ?? "";
  while (rows.length < limit) {
    const page = await earningsPage(em, { days }, last);
    for (const order of page) {
      const amount = amountOf(order, day);
      const { orderId, userId, planId } = order;
      const description = planId === "" ? "pack" : `plan/${planId}`;
      if (amount === 0n) continue;
      rows.push({ source: "orders", rowId: orderId, userId, timeMs: null, amount, description });
    }
    if (page.length === 0) break;
    last = page.at(-1)!.orderId;
  }
  return rows.slice(0, limit);
}
