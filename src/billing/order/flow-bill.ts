/**
 * The fund-flow bill against the books: what truly came into the merchant's account and left it. Payments and refunds are
 * held against what is booked here, fees against the trade bills. Nothing is moved by what is found.
 */
import { sum, type Fen } from "../money.ts";
import {
  isWithin,
  type BillDay,
  type BillFinding,
  type BookedPayment,
  type BookedRefund,
  type FindingKind,
} from "./bill.ts";

/** What a line is about. */
export type FlowKind =
  | "PAYMENT"
  /** What the provider keeps of a payment. */
  | "FEE"
  | "REFUND"
  /** A refund that was closed: its money comes back. */
  | "REFUND_RETURN"
  /** Withdrawals, money put in, and whatever else has nothing to do with orders. */
  | "OTHER";

/** A line of a fund-flow bill. */
export interface FlowRow {
  /** In the file, from 1. */
  readonly line: number;
  readonly kind: FlowKind;
  /** When it was booked, in milliseconds since 1970. */
  readonly timeMs: number;
  /** The provider's number of the payment, of the refund, or of what else is behind it. */
  readonly businessNumber: string;
  /** The provider's number of the movement itself. */
  readonly flowId: string;
  /** As printed. */
  readonly businessName: string;
  /** Below zero for what went out. */
  readonly amountFen: Fen;
  /** What was left in the account. */
  readonly balanceFen: Fen;
  /** Our number of the refund, as the line tells it; empty where it doesn't. */
  readonly voucher: string;
}

export interface FlowBill {
  readonly rows: readonly FlowRow[];
  /** As the bill sums up itself; neither is negative. */
  readonly totals: { readonly inFen: Fen; readonly outFen: Fen };
}

/** What a day looks like of which the provider has no bill. */
export const EMPTY_FLOW_BILL: FlowBill = { rows: [], totals: { inFen: 0n, outFen: 0n } };

/** What the day's trade bill, or another day's, says of a payment or a refund. */
export interface TradeFact {
  readonly orderId: string;
  /** Below zero where a fee comes back. */
  readonly feeMicroYuan: bigint;
}

export interface FlowRefund extends BookedRefund {
  /** The provider's number of it; null while none is known. */
  readonly providerRefundId: string | null;
  /** When it became known here that it was closed; null while it isn't. */
  readonly closeTimeMs: number | null;
}

/** What is booked here, as far as a fund-flow bill can know of it. */
export interface FlowLedger {
  readonly day: BillDay;
  /** Those of the day, and those that the bill names. */
  readonly payments: readonly BookedPayment[];
  readonly refunds: readonly FlowRefund[];
  /** From the present trade bills, by the provider's number of the payment. */
  readonly tradePayments: ReadonlyMap<string, TradeFact>;
  /** From the present trade bills, by our number of the refund. */
  readonly tradeRefunds: ReadonlyMap<string, TradeFact>;
  /** Keys (flowKey) of what fund-flow bills of other days list. */
  readonly elsewhere: ReadonlySet<string>;
}

/** @param number the provider's number of a payment, or our number of a refund */
export function flowKey(kind: FlowKind, number: string): string {
  return `${kind} ${number}`;
}

/** A line with what the books tell of it. */
export interface LinkedRow extends FlowRow {
  /** Null where neither the bills nor the books tell. */
  readonly orderId: string | null;
  /** Our number of the refund, or what the bill has for it; null where the line is about none. */
  readonly refundId: string | null;
}

/** A bill whose lines are linked. */
export interface LinkedFlowBill extends FlowBill {
  readonly rows: readonly LinkedRow[];
}

/** Finds the orders and refunds behind the lines. */
export function linkRows({ rows }: FlowBill, ledger: FlowLedger): LinkedRow[] {
  const refunds = new Map(ledger.refunds.map((refund) => [refund.refundId, refund]));
  const byProvider = new Map(
    ledger.refunds.map(({ providerRefundId, refundId }) => [providerRefundId ?? "", refundId]),
  );
  const orders = new Map(
    ledger.payments.map(({ transactionId, orderId }) => [transactionId, orderId]),
  );
  return rows.map((row) => {
    const { kind, voucher, businessNumber } = row;
    if (kind === "OTHER") return { ...row, orderId: null, refundId: null };
    if (kind === "PAYMENT" || kind === "FEE") {
      const orderId =
        orders.get(businessNumber) ?? ledger.tradePayments.get(businessNumber)?.orderId ?? null;
      return { ...row, orderId, refundId: null };
    }
    const known = refunds.has(voucher) ? voucher : byProvider.get(businessNumber);
    const refundId = known ?? (voucher === "" ? businessNumber : voucher);
    const orderId =
      refunds.get(refundId)?.orderId ?? ledger.tradeRefunds.get(refundId)?.orderId ?? null;
    return { ...row, orderId, refundId };
  });
}

/** The same bill and books give the same findings in the same order: payments, fees, refunds, closed refunds. */
export function compareFlow(rows: readonly LinkedRow[], ledger: FlowLedger): BillFinding[] {
  const lines = Map.groupBy(rows, (row) => flowKey(row.kind, row.refundId ?? row.businessNumber));
  const expected = new Map([
    ...paymentsOf(ledger),
    ...feesOf(ledger),
    ...refundsOf(ledger),
    ...returnsOf(ledger, lines),
  ]);
  const keys = [...new Set([...expected.keys(), ...lines.keys()])];
  return ORDER.flatMap((kind) =>
    keys
      .filter((key) => key.startsWith(`${kind} `))
      .flatMap((key) => {
        const isElsewhere = ledger.elsewhere.has(key);
        return differences(kind, expected.get(key), lines.get(key) ?? [], isElsewhere);
      }),
  );
}

/** What must stand in a bill, or may. */
interface Expected {
  readonly orderId: string;
  readonly transactionId: string | null;
  readonly refundId: string | null;
  /** Never below zero; null where nothing tells what it should be. */
  readonly amountFen: Fen | null;
  /** Whether it must stand in this bill, or in another day's. */
  readonly isDue: boolean;
  /** What contradicts that there is such a line at all; empty when nothing does. */
  readonly contradiction: string;
}

type Expectations = [string, Expected][];

const ORDER = ["PAYMENT", "FEE", "REFUND", "REFUND_RETURN"] as const;
/** Income, or what goes out. */
const SIGN = { PAYMENT: 1n, FEE: -1n, REFUND: -1n, REFUND_RETURN: 1n } as const;
const ASPECT = {
  PAYMENT: undefined,
  FEE: "FEE",
  REFUND: undefined,
  REFUND_RETURN: "RETURN",
} as const;
const ASPECT_NOTE = { FEE: "the fee", RETURN: "what comes back of a closed refund" } as const;

function paymentsOf({ payments, day }: FlowLedger): Expectations {
  return payments.map(({ orderId, transactionId, amountFen, payTimeMs }) => [
    flowKey("PAYMENT", transactionId),
    {
      orderId,
      transactionId,
      refundId: null,
      amountFen,
      isDue: isWithin(day, payTimeMs),
      contradiction: "",
    },
  ]);
}

/** A fee is what the trade bill says; of a payment that no trade bill has, nothing can be said. */
function feesOf({ payments, tradePayments, day }: FlowLedger): Expectations {
  const booked = payments.map(({ transactionId, orderId, payTimeMs }) => {
    const fact = tradePayments.get(transactionId);
    const amountFen = fact === undefined ? null : fenOf(fact.feeMicroYuan);
    const isDue = (amountFen ?? 0n) > 0n && isWithin(day, payTimeMs);
    return [transactionId, { orderId, amountFen, isDue }] as const;
  });
  // What isn't booked here is the trade bill's finding; its fee is right all the same.
  const unbooked = [...tradePayments].map(
    ([transactionId, { orderId, feeMicroYuan }]) =>
      [transactionId, { orderId, amountFen: fenOf(feeMicroYuan), isDue: false }] as const,
  );
  return [...new Map([...unbooked, ...booked])].map(([transactionId, fee]) => [
    flowKey("FEE", transactionId),
    { ...fee, transactionId, refundId: null, contradiction: "" },
  ]);
}

function refundsOf(ledger: FlowLedger): Expectations {
  return ledger.refunds.map((refund) => [
    flowKey("REFUND", refund.refundId),
    {
      orderId: refund.orderId,
      transactionId: null,
      refundId: refund.refundId,
      amountFen: leavingFen(refund, ledger),
      isDue: refund.acceptTimeMs !== null && isWithin(ledger.day, refund.acceptTimeMs),
      contradiction: "",
    },
  ]);
}

function returnsOf(
  ledger: FlowLedger,
  lines: ReadonlyMap<string, readonly LinkedRow[]>,
): Expectations {
  return ledger.refunds.map((refund) => {
    const { refundId, orderId, state, closeTimeMs } = refund;
    const hasLeft = lines.has(flowKey("REFUND", refundId));
    return [
      flowKey("REFUND_RETURN", refundId),
      {
        orderId,
        transactionId: null,
        refundId,
        amountFen: leavingFen(refund, ledger),
        isDue: hasLeft && closeTimeMs !== null && closeTimeMs < ledger.day.endMs,
        contradiction: state === "CLOSED" ? "" : `${state} here, closed there`,
      },
    ];
  });
}

/** What leaves the account: the refund less the part of the fee that comes back, which the trade bill tells. */
function leavingFen({ refundId, amountFen }: FlowRefund, { tradeRefunds }: FlowLedger): Fen | null {
  const fact = tradeRefunds.get(refundId);
  return fact === undefined ? null : amountFen + fenOf(fact.feeMicroYuan);
}

type Found = Pick<BillFinding, "kind" | "note">;

function differences(
  of: (typeof ORDER)[number],
  expected: Expected | undefined,
  rows: readonly LinkedRow[],
  isElsewhere: boolean,
): BillFinding[] {
  const [row] = rows;
  const found: Found[] = [];
  const add = (kind: FindingKind, note = "") => void found.push({ kind, note });
  if (row !== undefined && expected === undefined) add("MISSING_HERE");
  if (row === undefined && expected?.isDue && !isElsewhere) add("MISSING_THERE");
  if (rows.length > 1) add("DOUBLED", `${rows.length} times there`);
  else if (row !== undefined && isElsewhere) add("DOUBLED", "another day's bill lists it too");
  const there = row === undefined ? null : SIGN[of] * row.amountFen;
  const here = expected?.amountFen ?? null;
  if (there !== null && here !== null && there !== here) add("AMOUNT_DIFFERS");
  if (row !== undefined && expected?.contradiction) add("STATE_DIFFERS", expected.contradiction);
  const aspect = ASPECT[of];
  const refundId = expected?.refundId ?? row?.refundId ?? null;
  return found.map((each) => ({
    kind: each.kind,
    orderId: expected?.orderId ?? row?.orderId ?? "",
    transactionId:
      refundId === null ? (row?.businessNumber ?? expected?.transactionId ?? "") : null,
    refundId,
    ...(aspect === undefined ? {} : { aspect }),
    line: row?.line ?? null,
    amountHereFen: here,
    amountThereFen:
      row === undefined ? null : SIGN[of] * sum(rows.map(({ amountFen }) => amountFen)),
    note: [aspect && ASPECT_NOTE[aspect], each.note].filter(Boolean).join(": "),
  }));
}

const MICRO_YUAN_PER_FEN = 10_000n;

/** Half away from zero, as the provider rounds the fee of each payment. */
function fenOf(microYuan: bigint): Fen {
  const size = microYuan < 0n ? -microYuan : microYuan;
  const fen = (size + MICRO_YUAN_PER_FEN / 2n) / MICRO_YUAN_PER_FEN;
  return microYuan < 0n ? -fen : fen;
}
