/** What the ledgers say of a day, in a constant number of statements under one snapshot. */
import type { EntityManager } from "@mikro-orm/mysql";
import { HOUR_MS } from "../billing/clock.ts";
import { idsFrom } from "../billing/id.ts";
import type { LogType } from "../billing/quota/posting.ts";
import type {
  DayFacts,
  EarnedSums,
  MoneySums,
  NamedCost,
  QuotaSums,
} from "../billing/report/day-report.ts";
import { dayNumber, dayStartMs, dayText } from "../billing/report/days.ts";
import { recognisedWithin, standingAt } from "../billing/report/recognition.ts";
import { timeText, toBigInt, toMs, type Row } from "./cell.ts";
import { forEachEarning } from "./earning-rows.ts";
import { literal } from "./sql.ts";

export interface DayFactsOptions {
  readonly vatBasisPoints: bigint;
  /** What the day's liability is counted on from; absent: it is counted back from what users have now. */
  readonly opening?: Opening | undefined;
}

/** The quota that users had at a day's begin. */
export interface Opening {
  /** The report's day, or an earlier one. */
  readonly day: number;
  readonly liability: bigint;
}

/** A clock that stepped back leaves ids that are later than their rows by no more than this. */
const ID_MARGIN_MS = HOUR_MS;

/** @param em within a snapshot */
export async function gatherDay(
  em: EntityManager,
  day: number,
  { vatBasisPoints, opening }: DayFactsOptions,
): Promise<DayFacts> {
  const quota = await quotaOf(em, day);
  const change = quota.reduce((total, { available, held }) => total + available + held, 0n);
  return {
    day,
    vatBasisPoints,
    orders: await ordersOf(em, day),
    payments: await paymentsOf(em, day),
    refunds: await refundsOf(em, day),
    earnings: await earningsOf(em, day),
    quota,
    liability:
      opening === undefined
        ? await liabilityAfter(em, day)
        : opening.liability + (await changeBetween(em, opening.day, day)) + change,
    members: await membersOf(em, day),
    costs: await costsOf(em, day),
    featureCosts: await featureCostsOf(em, day),
    planCosts: await planCostsOf(em, day),
    paymentFees: await paymentFeesOf(em, day),
  };
}

/** The condition that a time is in the day. */
export function within(column: string, day: number): string {
  return `${column} >= ${momentText(day)} and ${column} < ${momentText(day + 1)}`;
}

/** The first moment of a day, as SQL. */
export function momentText(day: number): string {
  return literal(timeText(dayStartMs(day)));
}

/** The condition that a row was written in the day, by its id, which bears its time: no index on time is needed. */
export function writtenWithin(id: string, prefix: string, day: number): string {
  const first = literal(idsFrom(prefix, dayStartMs(day)));
  const end = literal(idsFrom(prefix, dayStartMs(day + 1) + ID_MARGIN_MS));
  return `${id} >= ${first} and ${id} < ${end}`;
}

async function ordersOf(em: EntityManager, day: number) {
  const [created] = await em.execute<Row[]>(
    `select count(*) as n from orders
      where ${writtenWithin("order_id", "ord", day)} and ${within("create_time", day)}`,
  );
  const [closed] = await em.execute<Row[]>(
    `select count(*) as n from orders where state = 'CLOSED' and ${within("close_time", day)}`,
  );
  return { created: toBigInt(created!["n"]), closed: toBigInt(closed!["n"]) };
}

async function paymentsOf(em: EntityManager, day: number): Promise<MoneySums[]> {
  const rows = await em.execute<Row[]>(
    `select p.disposition = 'GRANTED' as granted, o.kind, o.product_id, count(*) as n,
        sum(p.amount_fen) as amount
      from payments p join orders o on o.order_id = p.order_id
      where ${within("p.pay_time", day)} group by granted, o.kind, o.product_id`,
  );
  return rows.map(readMoney);
}

async function refundsOf(em: EntityManager, day: number): Promise<MoneySums[]> {
  const rows = await em.execute<Row[]>(
    `select p.disposition = 'GRANTED' as granted, o.kind, o.product_id, count(*) as n,
        sum(r.amount_fen) as amount
      from refunds r join payments p on p.payment_id = r.payment_id
        join orders o on o.order_id = r.order_id
      where r.state = 'SUCCEEDED' and ${within("r.success_time", day)}
      group by granted, o.kind, o.product_id`,
  );
  return rows.map(readMoney);
}

function readMoney(row: Row): MoneySums {
  return {
    granted: Number(row["granted"]) === 1,
    product: `${(row["kind"] as string).toLowerCase()}/${row["product_id"] as string}`,
    count: toBigInt(row["n"]),
    amountFen: toBigInt(row["amount"]),
  };
}

async function earningsOf(em: EntityManager, day: number): Promise<EarnedSums[]> {
  const sums = new Map<string, { recognised: bigint; deferred: bigint }>();
  await forEachEarning(em, { days: { first: day, end: day + 1 } }, ({ planId, earning }) => {
    const sum = sums.get(planId) ?? { recognised: 0n, deferred: 0n };
    sum.recognised += recognisedWithin(earning, day, day + 1);
    sum.deferred += standingAt(earning, day).deferredFen;
    sums.set(planId, sum);
  });
  return [...sums].map(([planId, { recognised, deferred }]) => ({
    planId,
    recognisedFen: recognised,
    deferredFen: deferred,
  }));
}

async function quotaOf(em: EntityManager, day: number): Promise<QuotaSums[]> {
  const rows = await em.execute<Row[]>(
    `select l.type, coalesce(r.feature_id, '') as feature, sum(l.available_change) as available,
        sum(l.held_change) as held, count(distinct l.reservation_id) as reservations
      from quota_logs l left join quota_reservations r on r.reservation_id = l.reservation_id
      where ${writtenWithin("l.operation_id", "op", day)} and ${within("l.create_time", day)}
      group by l.type, feature`,
  );
  return rows.map((row) => ({
    type: row["type"] as LogType,
    featureId: row["feature"] as string,
    available: toBigInt(row["available"]),
    held: toBigInt(row["held"]),
    reservations: toBigInt(row["reservations"]),
  }));
}

/** What users had at the begin of the first day that has any movement: nothing. Undefined where there is none. */
export async function firstOpening(em: EntityManager): Promise<Opening | undefined> {
  const sql = "select create_time from quota_logs order by operation_id limit 1";
  const [first] = await em.execute<Row[]>(sql);
  if (first === undefined) return undefined;
  return { day: dayNumber(toMs(first["create_time"]) - ID_MARGIN_MS), liability: 0n };
}

/** By how much what users have changed from a day's begin to another's. */
async function changeBetween(em: EntityManager, first: number, end: number): Promise<bigint> {
  if (first >= end) return 0n;
  const fromId = literal(idsFrom("op", dayStartMs(first)));
  const endId = literal(idsFrom("op", dayStartMs(end) + ID_MARGIN_MS));
  const [row] = await em.execute<Row[]>(
    `select coalesce(sum(available_change + held_change), 0) as total from quota_logs
      where operation_id >= ${fromId} and operation_id < ${endId}
        and create_time >= ${momentText(first)} and create_time < ${momentText(end)}`,
  );
  return toBigInt(row!["total"]);
}

/** Counted back from what users have now: cheap for days that are not long ago. */
async function liabilityAfter(em: EntityManager, day: number): Promise<bigint> {
  const [now] = await em.execute<Row[]>(
    "select coalesce(sum(quota_remaining + quota_held), 0) as total from users",
  );
  const from = literal(idsFrom("op", dayStartMs(day + 1)));
  const [since] = await em.execute<Row[]>(
    `select coalesce(sum(available_change + held_change), 0) as total from quota_logs
      where operation_id >= ${from} and create_time >= ${momentText(day + 1)}`,
  );
  return toBigInt(now!["total"]) - toBigInt(since!["total"]);
}

async function membersOf(em: EntityManager, day: number): Promise<DayFacts["members"]> {
  const [events] = await em.execute<Row[]>(
    `select coalesce(sum(event = 'REGISTERED'), 0) as registered,
        coalesce(sum(event = 'ACTIVATED'), 0) as activated,
        coalesce(sum(event = 'RENEWED'), 0) as renewed,
        coalesce(sum(to_state = 'LAPSED' and from_state <> 'LAPSED'), 0) as lapsed
      from membership_transitions where ${within("create_time", day)}`,
  );
  const [now] = await em.execute<Row[]>(
    `select coalesce(sum(membership_state = 'TRIAL'), 0) as trial,
        coalesce(sum(membership_state = 'ACTIVE'), 0) as active from users`,
  );
  const [since] = await em.execute<Row[]>(
    `select coalesce(sum((to_state = 'TRIAL') - (from_state = 'TRIAL')), 0) as trial,
        coalesce(sum((to_state = 'ACTIVE') - (from_state = 'ACTIVE')), 0) as active
      from membership_transitions where create_time >= ${momentText(day + 1)}`,
  );
  const count = (row: Row | undefined, name: string) => toBigInt(row![name]);
  return {
    registered: count(events, "registered"),
    activated: count(events, "activated"),
    renewed: count(events, "renewed"),
    lapsed: count(events, "lapsed"),
    trial: count(now, "trial") - count(since, "trial"),
    active: count(now, "active") - count(since, "active"),
  };
}

async function costsOf(em: EntityManager, day: number): Promise<DayFacts["costs"]> {
  const rows = await em.execute<Row[]>(
    `select vendor, service, count(*) as n, sum(amount_micro_yuan) as amount from vendor_costs
      where day = ${literal(dayText(day))} group by vendor, service`,
  );
  return rows.map((row) => ({
    vendor: row["vendor"] as string,
    service: row["service"] as string,
    count: toBigInt(row["n"]),
    amount: toBigInt(row["amount"]),
  }));
}

async function featureCostsOf(em: EntityManager, day: number): Promise<NamedCost[]> {
  const rows = await em.execute<Row[]>(
    `select coalesce(feature_id, '') as name, sum(amount_micro_yuan) as amount from vendor_costs
      where day = ${literal(dayText(day))} group by name`,
  );
  return rows.map(readNamed);
}

/** Costs by the plan that the user had at the day's end. */
async function planCostsOf(em: EntityManager, day: number): Promise<NamedCost[]> {
  const rows = await em.execute<Row[]>(
    `select coalesce(t.plan_id, '') as name, sum(c.amount) as amount
      from (select user_id, sum(amount_micro_yuan) as amount from vendor_costs
          where day = ${literal(dayText(day))} group by user_id) c
        left join membership_transitions t on t.user_id = c.user_id and t.sequence = (
          select max(l.sequence) from membership_transitions l
            where l.user_id = c.user_id and l.create_time < ${momentText(day + 1)})
      group by name`,
  );
  return rows.map(readNamed);
}

function readNamed(row: Row): NamedCost {
  return { name: row["name"] as string, amount: toBigInt(row["amount"]) };
}

async function paymentFeesOf(em: EntityManager, day: number): Promise<bigint | null> {
  const [bill] = await em.execute<Row[]>(
    `select bill_id from bill_imports
      where bill_date = ${literal(dayText(day))} and type = 'TRADE'
      order by create_time desc, bill_id desc limit 1`,
  );
  if (bill === undefined) return null;
  const [fees] = await em.execute<Row[]>(
    `select coalesce(sum(fee_micro_yuan), 0) as total from bill_rows
      where bill_id = ${literal(bill["bill_id"] as string)}`,
  );
  return toBigInt(fees!["total"]);
}
