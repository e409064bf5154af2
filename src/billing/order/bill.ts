/**
 * The bill against the books. The provider lists a day's payments and refunds; each difference to what is
 * booked here becomes a finding with both sides' amounts. Nothing is moved by it: people decide, or the
 * provider is asked.
 */
import { DAY_MS } from "../clock.ts";
import { sum, type Fen } from "../money.ts";
import type { RefundState } from "./order.ts";

/** A line of a trade bill. */
export interface BillRow {
  /** In the file, from 1. */
  readonly line: number;
  /** Of a payment, when it succeeded; of a refund, when it was accepted. Milliseconds since 1970. */
  readonly timeMs: number;
  readonly transactionId: string;
  readonly outTradeNo: string;
  readonly currency: string;
  /** What the order is about; 0 in lines of refunds. */
  readonly orderFen: Fen;
  /** Negative where a fee comes back. */
  readonly feeMicroYuan: bigint;
  /** Null in lines of payments. */
  readonly refund: BillRefund | null;
}

export interface BillRefund {
  readonly outRefundNo: string;
  /** What was asked to go back. */
  readonly requestedFen: Fen;
  /** As it was when the bill was made; it's never brought up to date. */
  readonly status: string;
}

export interface Bill {
  readonly rows: readonly BillRow[];
  /** As the bill sums up itself. */
  readonly totals: {
    readonly orderFen: Fen;
    readonly requestedRefundFen: Fen;
    readonly feeMicroYuan: bigint;
  };
}

/** What a day looks like of which the provider has no bill. */
export const EMPTY_BILL: Bill = {
  rows: [],
  totals: { orderFen: 0n, requestedRefundFen: 0n, feeMicroYuan: 0n },
};

/** A day of Asia/Shanghai, by which bills are cut. */
export interface BillDay {
  /** YYYY-MM-DD */
  readonly date: string;
  readonly startMs: number;
  /** The next day's first moment. */
  readonly endMs: number;
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const SHANGHAI_OFFSET_MS = 8 * 3_600_000;

/** Undefined for a text that is no day. */
export function billDay(date: string): BillDay | undefined {
  const startMs = DATE.test(date) ? Date.parse(`${date}T00:00:00+08:00`) : Number.NaN;
  // Some days that don't exist are read as days of the next month.
  if (Number.isNaN(startMs)) return undefined;
  if (new Date(startMs + SHANGHAI_OFFSET_MS).toISOString().slice(0, 10) !== date) return undefined;
  return { date, startMs, endMs: startMs + DAY_MS };
}

/** What is booked here, as far as a bill can know of it. */
export interface BillLedger {
  readonly day: BillDay;
  /** Those of the day, and those that the bill names. */
  readonly payments: readonly BookedPayment[];
  readonly refunds: readonly BookedRefund[];
  /** Keys (paymentKey, refundKey) of what bills of other days list. */
  readonly elsewhere: ReadonlySet<string>;
}

export interface BookedPayment {
  readonly orderId: string;
  readonly transactionId: string;
  readonly amountFen: Fen;
  readonly currency: string;
  readonly payTimeMs: number;
}

export interface BookedRefund {
  readonly refundId: string;
  readonly orderId: string;
  readonly amountFen: Fen;
  readonly state: RefundState;
  /** When it became known here that the provider had accepted it; null while it isn't. */
  readonly acceptTimeMs: number | null;
  readonly successTimeMs: number | null;
}

export const FINDING_KINDS = [
  /** In the bill and not in the books. */
  "MISSING_HERE",
  /** In the books and not in the bill. */
  "MISSING_THERE",
  "AMOUNT_DIFFERS",
  /** A refund that has gone another way there than here. */
  "STATE_DIFFERS",
  /** The same twice, in this bill or in two days' bills. */
  "DOUBLED",
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface BillFinding {
  readonly kind: FindingKind;
  /** The order's number, as whichever side has it says. */
  readonly orderId: string;
  /** Of a payment; null for a refund. */
  readonly transactionId: string | null;
  /** Null for a payment. */
  readonly refundId: string | null;
  /** Absent where it's about the payment or the refund itself. */
  readonly aspect?: "FEE" | "RETURN";
  /** Null where it isn't in the books. */
  readonly amountHereFen: Fen | null;
  /** Null where it isn't in the bill. */
  readonly amountThereFen: Fen | null;
  /** In the bill's file; null where it isn't in there. */
  readonly line: number | null;
  readonly note: string;
}

/** What makes a payment one on both sides: its number and its order's. */
export function paymentKey(transactionId: string, orderId: string): string {
  return `payment ${transactionId} ${orderId}`;
}

export function refundKey(refundId: string, orderId: string): string {
  return `refund ${refundId} ${orderId}`;
}

export function rowKey({ transactionId, outTradeNo, refund }: BillRow): string {
  return refund === null
    ? paymentKey(transactionId, outTradeNo)
    : refundKey(refund.outRefundNo, outTradeNo);
}

/** The same bill and books give the same findings in the same order: the bill's lines first. */
export function compareBill(bill: Bill, ledger: BillLedger): BillFinding[] {
  const lines = Map.groupBy(bill.rows, rowKey);
  const payments = Map.groupBy(ledger.payments, (each) =>
    paymentKey(each.transactionId, each.orderId),
  );
  const refunds = Map.groupBy(ledger.refunds, (each) => refundKey(each.refundId, each.orderId));
  const keys = new Set([...lines.keys(), ...payments.keys(), ...refunds.keys()]);
  return [...keys].flatMap((key) => {
    const there = lines.get(key) ?? [];
    const isElsewhere = ledger.elsewhere.has(key);
    const isRefund = refunds.has(key) || there.some(({ refund }) => refund !== null);
    return isRefund
      ? ofRefund({ here: refunds.get(key) ?? [], there, isElsewhere, day: ledger.day })
      : ofPayment({ here: payments.get(key) ?? [], there, isElsewhere, day: ledger.day });
  });
}

/** One payment or refund on both sides: at most one each, unless something is doubled. */
interface Sides<Booked> {
  readonly here: readonly Booked[];
  readonly there: readonly BillRow[];
  readonly isElsewhere: boolean;
  readonly day: BillDay;
}

type Found = Pick<BillFinding, "kind" | "note">;

function ofPayment(sides: Sides<BookedPayment>): BillFinding[] {
  const [booked] = sides.here;
  const [row] = sides.there;
  const isExpected = booked !== undefined && isWithin(sides.day, booked.payTimeMs);
  const found = presence(sides, isExpected);
  if (booked && row && booked.currency !== row.currency) {
    found.push({
      kind: "AMOUNT_DIFFERS",
      note: `in ${booked.currency} here, in ${row.currency} there`,
    });
  } else if (booked && row && booked.amountFen !== row.orderFen) {
    found.push({ kind: "AMOUNT_DIFFERS", note: "" });
  }
  const subject = {
    orderId: booked?.orderId ?? row?.outTradeNo ?? "",
    transactionId: booked?.transactionId ?? row?.transactionId ?? "",
    refundId: null,
    line: row?.line ?? null,
    amountHereFen: total(sides.here.map(({ amountFen }) => amountFen)),
    amountThereFen: total(sides.there.map(({ orderFen }) => orderFen)),
  };
  return found.map((each) => ({ ...subject, ...each }));
}

function ofRefund(sides: Sides<BookedRefund>): BillFinding[] {
  const [booked] = sides.here;
  const [row] = sides.there;
  const accepted = booked?.acceptTimeMs ?? null;
  const found = presence(sides, accepted !== null && isWithin(sides.day, accepted));
  if (booked && row?.refund && booked.amountFen !== row.refund.requestedFen) {
    found.push({ kind: "AMOUNT_DIFFERS", note: "" });
  }
  if (booked && row?.refund && !mayHaveBecome(row.refund.status, booked, sides.day)) {
    found.push({ kind: "STATE_DIFFERS", note: `${booked.state} here, ${row.refund.status} there` });
  }
  const subject = {
    orderId: booked?.orderId ?? row?.outTradeNo ?? "",
    transactionId: null,
    refundId: booked?.refundId ?? row?.refund?.outRefundNo ?? "",
    line: row?.line ?? null,
    amountHereFen: total(sides.here.map(({ amountFen }) => amountFen)),
    amountThereFen: total(sides.there.map(({ refund }) => refund?.requestedFen ?? 0n)),
  };
  return found.map((each) => ({ ...subject, ...each }));
}

/** @param isExpected whether the books say that this day's bill must have it */
function presence(sides: Sides<unknown>, isExpected: boolean): Found[] {
  const { here, there, isElsewhere } = sides;
  const found: Found[] = [];
  if (here.length === 0) found.push({ kind: "MISSING_HERE", note: "" });
  // What came to be around midnight may stand in the bill of the day before.
  if (there.length === 0 && isExpected && !isElsewhere)
    found.push({ kind: "MISSING_THERE", note: "" });
  if (here.length > 1 || there.length > 1) {
    found.push({ kind: "DOUBLED", note: `${here.length} times here, ${there.length} times there` });
  } else if (there.length > 0 && isElsewhere) {
    found.push({ kind: "DOUBLED", note: "another day's bill lists it too" });
  }
  return found;
}

/** What may have become of a refund here after a bill was made that has this word for it. */
const MAY_FOLLOW: ReadonlyMap<string, readonly RefundState[]> = new Map([
  ["PROCESSING", ["PROCESSING", "SUCCEEDED", "ABNORMAL", "CLOSED"]],
  ["SUCCESS", ["SUCCEEDED"]],
  ["CHANGE", ["ABNORMAL", "PROCESSING", "SUCCEEDED", "CLOSED"]],
  ["ABNORMAL", ["ABNORMAL", "PROCESSING", "SUCCEEDED", "CLOSED"]],
  // The documents don't say which failures it stands for.
  ["FAIL", ["CLOSED", "ABNORMAL", "PROCESSING", "SUCCEEDED"]],
  ["CLOSED", ["CLOSED", "SUCCEEDED"]],
]);

/** The word is a snapshot of the morning after: a refund goes on, but it never goes back. */
function mayHaveBecome(
  status: string,
  { state, successTimeMs }: BookedRefund,
  day: BillDay,
): boolean {
  if (!MAY_FOLLOW.get(status)?.includes(state)) return false;
  // What had succeeded before the day was over is known to a bill that was made after it.
  const wasOver = state === "SUCCEEDED" && successTimeMs !== null && successTimeMs < day.endMs;
  return status === "SUCCESS" || !wasOver;
}

export function isWithin({ startMs, endMs }: BillDay, ms: number): boolean {
  return startMs <= ms && ms < endMs;
}

function total(amounts: readonly Fen[]): Fen | null {
  return amounts.length === 0 ? null : sum(amounts);
}
