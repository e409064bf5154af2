/** All rows that docs/finance.md looks at, read by `select *`; the largest tables are tallied day by day as they come. */
import {
  dayNumber,
  dayNumberOf,
  moment,
  startOfDay,
  text,
  whole,
  type Query,
  type Row,
} from "./recomputed.ts";

/** Rows that one statement brings. */
const PAGE = 20_000;

export type ByDay = ReadonlyMap<number, readonly Row[]>;

/** What a day of the large tables comes to. */
export interface Tally {
  /** By type. */
  readonly logs: Map<string, { available: bigint; held: bigint }>;
  /** By feature; those of no feature under the empty name. */
  readonly reserved: Map<string, Set<string>>;
  readonly used: Map<string, bigint>;
  readonly refunded: Map<string, bigint>;
  readonly usedByUser: Map<string, bigint>;
  readonly costsByFeature: Map<string, bigint>;
  /** By user; those of nobody under the empty name. */
  readonly costsByUser: Map<string, bigint>;
  /** By vendor and service, with a line break between. */
  readonly costsByService: Map<string, { costs: bigint; amount: bigint }>;
}

export interface RawBooks {
  readonly orders: ReadonlyMap<string, Row>;
  readonly payments: ReadonlyMap<string, Row>;
  /** Those that succeeded. */
  readonly refunds: readonly Row[];
  readonly imports: readonly Row[];
  readonly feesOfBill: ReadonlyMap<string, bigint>;
  /** The record of each user's membership, in its order. */
  readonly steps: ReadonlyMap<string, readonly Row[]>;
  /** By the day of the time that counts. */
  readonly created: ByDay;
  readonly closed: ByDay;
  readonly paid: ByDay;
  readonly refunded: ByDay;
  readonly stepped: ByDay;
  readonly tallies: ReadonlyMap<number, Tally>;
}

export async function readRawBooks(query: Query): Promise<RawBooks> {
  const orders = await query("select * from orders");
  const payments = await query("select * from payments");
  const refunds = await query("select * from refunds where state = 'SUCCEEDED'");
  const steps = await query("select * from membership_transitions order by user_id, sequence");
  const feesOfBill = new Map<string, bigint>();
  await paged(query, "bill_rows", ["bill_id", "line"], (row) =>
    add(feesOfBill, text(row["bill_id"]), whole(row["fee_micro_yuan"])),
  );
  const closed = orders.filter((order) => text(order["state"]) === "CLOSED");
  return {
    orders: new Map(orders.map((row) => [text(row["order_id"]), row])),
    payments: new Map(payments.map((row) => [text(row["payment_id"]), row])),
    refunds,
    imports: await query("select * from bill_imports"),
    feesOfBill,
    steps: grouped(steps, (row) => text(row["user_id"])),
    created: byDay(orders, "create_time"),
    closed: byDay(closed, "close_time"),
    paid: byDay(payments, "pay_time"),
    refunded: byDay(refunds, "success_time"),
    stepped: byDay(steps, "create_time"),
    tallies: await readTallies(query),
  };
}

async function readTallies(query: Query): Promise<ReadonlyMap<number, Tally>> {
  const tallies = new Map<number, Tally>();
  const featureOf = new Map<string, string>();
  await paged(query, "quota_reservations", ["reservation_id"], (row) => {
    featureOf.set(text(row["reservation_id"]), text(row["feature_id"]));
  });
  await paged(query, "quota_logs", ["operation_id", "line"], (row) => {
    const featureId = featureOf.get(text(row["reservation_id"])) ?? "";
    tallyLog(tallyOf(tallies, dayNumber(moment(row["create_time"]))), row, featureId);
  });
  await paged(query, "vendor_costs", ["cost_id"], (row) => {
    tallyCost(tallyOf(tallies, dayNumberOf(text(row["day"]))), row);
  });
  return tallies;
}

function tallyOf(tallies: Map<number, Tally>, day: number): Tally {
  const known = tallies.get(day);
  if (known !== undefined) return known;
  const tally = emptyTally();
  tallies.set(day, tally);
  return tally;
}

export function emptyTally(): Tally {
  return {
    logs: new Map(),
    reserved: new Map(),
    used: new Map(),
    refunded: new Map(),
    usedByUser: new Map(),
    costsByFeature: new Map(),
    costsByUser: new Map(),
    costsByService: new Map(),
  };
}

function tallyLog(tally: Tally, row: Row, featureId: string): void {
  const type = text(row["type"]);
  const available = whole(row["available_change"]);
  const held = whole(row["held_change"]);
  const before = tally.logs.get(type) ?? { available: 0n, held: 0n };
  tally.logs.set(type, { available: before.available + available, held: before.held + held });
  if (type === "RESERVE") {
    const reserved = tally.reserved.get(featureId) ?? new Set();
    tally.reserved.set(featureId, reserved.add(text(row["reservation_id"])));
  }
  if (type === "COMMIT") {
    add(tally.used, featureId, -held);
    add(tally.usedByUser, text(row["user_id"]), -held);
  }
  if (type === "REFUND") add(tally.refunded, featureId, available);
}

function tallyCost(tally: Tally, row: Row): void {
  const amount = whole(row["amount_micro_yuan"]);
  const service = `${text(row["vendor"])}\n${text(row["service"])}`;
  const before = tally.costsByService.get(service) ?? { costs: 0n, amount: 0n };
  const after = { costs: before.costs + 1n, amount: before.amount + amount };
  tally.costsByService.set(service, after);
  add(tally.costsByFeature, text(row["feature_id"]), amount);
  add(tally.costsByUser, text(row["user_id"]), amount);
}

/** Every row of a large table, a page at a time in the order of its key. */
async function paged(
  query: Query,
  table: string,
  key: readonly string[],
  take: (row: Row) => void,
): Promise<void> {
  const order = key.join(", ");
  let after = "";
  for (;;) {
    const rows = await query(`select * from ${table} ${after} order by ${order} limit ${PAGE}`);
    for (const row of rows) take(row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    const [first, second] = key;
    const id = `'${text(last[first!])}'`;
    // The second column of a key is a number.
    const line = second === undefined ? "" : ` or ${second} > ${whole(last[second])}`;
    after = `where ${first} >= ${id} and (${first} > ${id}${line})`;
  }
}

/** The last row of a user's record before the end of a day. */
export function lastStep({ steps }: RawBooks, userId: string, day: number): Row | undefined {
  const endMs = startOfDay(day + 1);
  return steps.get(userId)?.findLast((row) => moment(row["create_time"]) < endMs);
}

export function isGranted(payment: Row): boolean {
  return text(payment["disposition"]) === "GRANTED";
}

export function paymentOf({ payments }: RawBooks, refund: Row): Row {
  return payments.get(text(refund["payment_id"]))!;
}

export function orderOf({ orders }: RawBooks, payment: Row): Row {
  return orders.get(text(payment["order_id"]))!;
}

export function grouped<Key>(rows: readonly Row[], keyOf: (row: Row) => Key): Map<Key, Row[]> {
  const groups = new Map<Key, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [row]);
    else known.push(row);
  }
  return groups;
}

function byDay(rows: readonly Row[], column: string): ByDay {
  return grouped(rows, (row) => dayNumber(moment(row[column])));
}

export function add<Key>(to: Map<Key, bigint>, key: Key, amount: bigint): void {
  to.set(key, (to.get(key) ?? 0n) + amount);
}

export function sum(amounts: Iterable<bigint>): bigint {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total;
}
