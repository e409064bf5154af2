/**
 * A day recomputed in TypeScript from raw rows, by the formulas of docs/finance.md. It shares nothing with what makes
 * reports.
 */
import { dividedByLargestRemainders, floorDivide, roundedVat, toFen } from "./arithmetic.ts";
import { liveThrough, type Earning } from "./lived-orders.ts";
import {
  add,
  emptyTally,
  isGranted,
  lastStep,
  orderOf,
  paymentOf,
  readRawBooks,
  sum,
  type RawBooks,
  type Tally,
} from "./raw-books.ts";
import {
  dayNumberOf,
  moment,
  sorted,
  text,
  whole,
  type Query,
  type Rates,
  type Recomputed,
  type RecomputedRow,
  type Row,
} from "./recomputed.ts";

/** Everything that was read, and what orders have earned. */
export interface PlainBooks {
  readonly raw: RawBooks;
  readonly earnings: ReadonlyMap<number, Earning>;
  readonly rates: Rates;
}

/** @param lastDate the last day that will be asked for */
export async function readPlainBooks(
  query: Query,
  rates: Rates,
  lastDate: string,
): Promise<PlainBooks> {
  const raw = await readRawBooks(query);
  return { raw, earnings: liveThrough(raw, dayNumberOf(lastDate)), rates };
}

/** What is known of a day before any figure. */
interface DayFacts {
  readonly date: string;
  readonly number: number;
  readonly tally: Tally;
  readonly earning: Earning;
  readonly paid: readonly Row[];
  /** Refunds of granted payments, and of others. */
  readonly back: readonly Row[];
  readonly unowedBack: readonly Row[];
}

export function dayInTypeScript({ raw, earnings, rates }: PlainBooks, date: string): Recomputed {
  const number = dayNumberOf(date);
  const refunds = raw.refunded.get(number) ?? [];
  const facts: DayFacts = {
    date,
    number,
    tally: raw.tallies.get(number) ?? emptyTally(),
    earning: earnings.get(number) ?? { byPlan: new Map(), deferred: 0n },
    paid: raw.paid.get(number) ?? [],
    back: refunds.filter((refund) => isGranted(paymentOf(raw, refund))),
    unowedBack: refunds.filter((refund) => !isGranted(paymentOf(raw, refund))),
  };
  const money = moneyOf(facts, rates);
  const costs = costsOf(raw, facts, money);
  const recognised = sum(facts.earning.byPlan.values());
  const recognisedVat = roundedVat(recognised, rates);
  const earned = recognised - recognisedVat;
  const gross = earned - costs["costs.total"];
  const figures = {
    "orders.created": BigInt(raw.created.get(number)?.length ?? 0),
    "orders.paid": BigInt(facts.paid.filter(isGranted).length),
    "orders.closed": BigInt(raw.closed.get(number)?.length ?? 0),
    "orders.refunds": BigInt(facts.back.length),
    ...money,
    "revenue.recognised": recognised,
    "revenue.recognised_vat": recognisedVat,
    "revenue.deferred": facts.earning.deferred,
    ...quotaOf(raw, facts),
    ...membersOf(raw, facts),
    ...costs,
    "margin.earned": earned,
    "margin.gross": gross,
    "margin.gross_share": earned === 0n ? null : floorDivide(gross * 1_000n, earned),
  };
  const tables = {
    "revenue.products": productsOf(raw, facts),
    "costs.services": servicesOf(facts),
    "margin.features": featuresOf(facts, earned),
    "margin.plans": plansOf(raw, facts),
  };
  return { figures, tables };
}

const fenOf = (rows: readonly Row[]) => sum(rows.map((row) => whole(row["amount_fen"])));

function moneyOf({ paid, back, unowedBack }: DayFacts, rates: Rates): Record<string, bigint> {
  const sales = fenOf(paid.filter(isGranted));
  const refunded = fenOf(back);
  return {
    "revenue.sales": sales,
    "revenue.refunded": refunded,
    "revenue.net": sales - refunded,
    "revenue.vat": roundedVat(sales - refunded, rates),
    "revenue.unowed_received": fenOf(paid.filter((payment) => !isGranted(payment))),
    "revenue.unowed_returned": fenOf(unowedBack),
  };
}

function quotaOf({ tallies }: RawBooks, { number, tally: { logs } }: DayFacts) {
  const available = (...types: string[]) =>
    sum(types.map((type) => logs.get(type)?.available ?? 0n));
  const held = (type: string) => logs.get(type)?.held ?? 0n;
  let liability = 0n;
  for (const [day, tally] of tallies) {
    if (day > number) continue;
    for (const moved of tally.logs.values()) liability += moved.available + moved.held;
  }
  return {
    "quota.granted": available("GRANT", "ACTIVATE", "RESTORE"),
    "quota.reserved": held("RESERVE"),
    "quota.used": -held("COMMIT"),
    "quota.returned": available("RELEASE", "EXPIRE_HOLD"),
    "quota.refunded": available("REFUND"),
    "quota.refunded_after_use": available("REFUND") + held("REFUND"),
    "quota.lapsed": -available("EXPIRE_GRANT"),
    "quota.revoked": -available("REVOKE"),
    "quota.liability": liability,
  };
}

function membersOf(raw: RawBooks, { number }: DayFacts) {
  const rows = raw.stepped.get(number) ?? [];
  const count = (is: (row: Row) => boolean) => BigInt(rows.filter(is).length);
  const event = (name: string) => count((row) => text(row["event"]) === name);
  let trial = 0n;
  let active = 0n;
  for (const userId of raw.steps.keys()) {
    const state = text(lastStep(raw, userId, number)?.["to_state"]);
    if (state === "TRIAL") trial += 1n;
    if (state === "ACTIVE") active += 1n;
  }
  return {
    "members.registered": event("REGISTERED"),
    "members.activated": event("ACTIVATED"),
    "members.renewed": event("RENEWED"),
    "members.lapsed": count(
      (row) => text(row["to_state"]) === "LAPSED" && text(row["from_state"]) !== "LAPSED",
    ),
    "members.trial": trial,
    "members.active": active,
  };
}

function costsOf(
  { imports, feesOfBill }: RawBooks,
  { date, tally }: DayFacts,
  money: Readonly<Record<string, bigint>>,
) {
  const vendors = sum(tally.costsByUser.values());
  const newest = imports
    .filter((bill) => text(bill["bill_date"]) === date && text(bill["type"]) === "TRADE")
    .sort(
      (one, other) =>
        moment(one["create_time"]) - moment(other["create_time"]) ||
        (text(one["bill_id"]) < text(other["bill_id"]) ? -1 : 1),
    )
    .at(-1);
  const fees = newest === undefined ? null : (feesOfBill.get(text(newest["bill_id"])) ?? 0n);
  const moved = [
    "revenue.sales",
    "revenue.unowed_received",
    "revenue.refunded",
    "revenue.unowed_returned",
  ];
  const isMissing = newest === undefined && moved.some((id) => money[id] !== 0n);
  return {
    "costs.vendors": vendors,
    "costs.payment_fees": fees,
    "costs.bills_missing": isMissing ? 1n : 0n,
    "costs.total": toFen(vendors) + toFen(fees ?? 0n),
  };
}

function productsOf(raw: RawBooks, { paid, back }: DayFacts): RecomputedRow[] {
  const products = new Map<string, { orders: bigint; sales: bigint; refunded: bigint }>();
  const of = (payment: Row) => {
    const order = orderOf(raw, payment);
    const kind = text(order["kind"]) === "PLAN" ? "plan" : "pack";
    const name = `${kind}/${text(order["product_id"])}`;
    const known = products.get(name) ?? { orders: 0n, sales: 0n, refunded: 0n };
    products.set(name, known);
    return known;
  };
  for (const payment of paid.filter(isGranted)) {
    const product = of(payment);
    product.orders += 1n;
    product.sales += whole(payment["amount_fen"]);
  }
  for (const refund of back) of(paymentOf(raw, refund)).refunded += whole(refund["amount_fen"]);
  return sorted(
    [...products].map(([name, { orders, sales, refunded }]) => [name, orders, sales, refunded]),
  );
}

function servicesOf({ tally }: DayFacts): RecomputedRow[] {
  return sorted(
    [...tally.costsByService].map(([name, { costs, amount }]) => [
      ...name.split("\n"),
      costs,
      amount,
    ]),
  );
}

function featuresOf({ tally }: DayFacts, earned: bigint): RecomputedRow[] {
  const { reserved, used, refunded, costsByFeature } = tally;
  const names = [reserved, used, refunded, costsByFeature].flatMap((map) => [...map.keys()]);
  const parts = dividedByLargestRemainders(earned, used);
  return withSomething(
    [...new Set(names)].map((name) => [
      name,
      BigInt(reserved.get(name)?.size ?? 0),
      used.get(name) ?? 0n,
      refunded.get(name) ?? 0n,
      costsByFeature.get(name) ?? 0n,
      parts.get(name) ?? 0n,
    ]),
  );
}

function plansOf(raw: RawBooks, { number, tally, earning }: DayFacts): RecomputedRow[] {
  const costs = new Map<string, bigint>();
  for (const [userId, amount] of tally.costsByUser) {
    add(costs, text(lastStep(raw, userId, number)?.["plan_id"]), amount);
  }
  const names = [...new Set([...earning.byPlan.keys(), ...costs.keys()])];
  return withSomething(
    names.map((name) => [name, earning.byPlan.get(name) ?? 0n, costs.get(name) ?? 0n]),
  );
}

/** Rows of which all numbers are 0 say nothing. */
function withSomething(rows: readonly RecomputedRow[]): RecomputedRow[] {
  return sorted(rows.filter((row) => row.slice(1).some((cell) => cell !== 0n)));
}
