/**
 * A day's bills, checked. The trade bill is the third way by which a payment becomes known, and the first step of
 * reconciliation. The bill only hints: what it knows and we don't is asked of the provider, whose signed
 * answer is booked. What differs after that is written down; no money moves by it.
 */
import { assert, Refusal } from "../refusal.ts";
import type { OrderId, RefundId } from "../id.ts";
import { asking, type CashierParts } from "./asking.ts";
import {
  billDay,
  compareBill,
  EMPTY_BILL,
  paymentKey,
  refundKey,
  type Bill,
  type BillDay,
  type BillFinding,
  type BillLedger,
} from "./bill.ts";
import {
  compareFlow,
  EMPTY_FLOW_BILL,
  linkRows,
  type FlowBill,
  type FlowLedger,
  type LinkedFlowBill,
} from "./flow-bill.ts";
import type { Refused } from "./gateway.ts";
import { settling } from "./settle.ts";

export interface BillSource {
  /**
   * @param date YYYY-MM-DD in Asia/Shanghai
   * @throws when it is not what was promised, can't be read or doesn't add up
   */
  tradeBill(date: string, signal?: AbortSignal): Promise<BillAnswer<Bill>>;
  /** As tradeBill. */
  fundFlowBill(date: string, signal?: AbortSignal): Promise<BillAnswer<FlowBill>>;
}

export type BillAnswer<Content> =
  /** @param sha1 tells bills apart: 40 lower-case hexadecimal digits */
  | { readonly kind: "ready"; readonly bill: Content; readonly sha1: string }
  | { readonly kind: "creating" }
  /** Nothing happened that day, says the provider. */
  | { readonly kind: "no-statement" }
  | Refused;

export interface BillBooks {
  /** What is booked for the day, and what the bill names whenever it was booked. */
  ledger(day: BillDay, bill: Bill): Promise<BillLedger>;
  /** The same for a fund-flow bill. */
  flowLedger(day: BillDay, bill: FlowBill): Promise<FlowLedger>;
  /**
   * Writes the bill and its findings down. The same bill again adds what is new in the findings and marks
   * what is no more; another bill of the same day takes the place of the one before.
   */
  record(check: BillCheck): Promise<RecordedBill>;
}

export type BillType = "TRADE" | "FUND_FLOW";

export type BillCheck = Compared &
  (
    | { readonly type: "TRADE"; readonly bill: Bill }
    | { readonly type: "FUND_FLOW"; readonly bill: LinkedFlowBill }
  );

interface Compared {
  readonly day: BillDay;
  /** Empty where the provider has no statement. */
  readonly sha1: string;
  readonly findings: readonly BillFinding[];
  /** Payments that only became known by this bill. */
  readonly settled: number;
}

export interface RecordedBill {
  readonly billId: string;
  /** Whether this very bill wasn't there before. */
  readonly isNew: boolean;
  /** Findings that weren't there before. */
  readonly newFindings: readonly BillFinding[];
}

export type BillOutcome =
  | { readonly kind: "creating" }
  | Refused
  | (BillCheck &
      RecordedBill & {
        readonly kind: "checked";
        /** What could not be asked or booked; the day is to be checked again. */
        readonly doubts: readonly unknown[];
        /** Whether the provider has no bill for a day of which we have payments or refunds. */
        readonly lacksStatement: boolean;
      });

export interface BillParts extends CashierParts {
  readonly source: BillSource;
  readonly books: BillBooks;
}

/** A bill that was compared, and nothing else: nobody was asked and nothing is written. */
export type TriedBill =
  { readonly kind: "creating" } | Refused | (BillCheck & { readonly kind: "compared" });

type Comparing = Pick<BillParts, "source" | "books">;

/** @throws what the source and the books throw */
export function tryBill(
  parts: Comparing,
  type: BillType,
  date: string,
  signal?: AbortSignal,
): Promise<TriedBill> {
  const day = billDay(date);
  assert(day !== undefined, "a bill's day is YYYY-MM-DD");
  return type === "TRADE" ? tryTrade(parts, day, signal) : tryFlow(parts, day, signal);
}

async function tryTrade(
  { source, books }: Comparing,
  day: BillDay,
  signal?: AbortSignal,
): Promise<TriedBill> {
  const answer = await source.tradeBill(day.date, signal);
  if (answer.kind === "creating" || answer.kind === "refused") return answer;
  const { bill, sha1 } = answer.kind === "ready" ? answer : { bill: EMPTY_BILL, sha1: "" };
  const findings = compareBill(bill, await books.ledger(day, bill));
  return { kind: "compared", type: "TRADE", day, sha1, bill, findings, settled: 0 };
}

async function tryFlow(
  { source, books }: Comparing,
  day: BillDay,
  signal?: AbortSignal,
): Promise<TriedBill> {
  const answer = await source.fundFlowBill(day.date, signal);
  if (answer.kind === "creating" || answer.kind === "refused") return answer;
  const { bill, sha1 } = answer.kind === "ready" ? answer : { bill: EMPTY_FLOW_BILL, sha1: "" };
  const ledger = await books.flowLedger(day, bill);
  const rows = linkRows(bill, ledger);
  const findings = compareFlow(rows, ledger);
  const linked = { ...bill, rows };
  return { kind: "compared", type: "FUND_FLOW", day, sha1, bill: linked, findings, settled: 0 };
}

/**
 * Compares, asks the provider about what only the bill knows, and writes down what differs then.
 * @throws what the source and the books throw; nothing is written then
 */
export async function checkBill(
  parts: BillParts,
  date: string,
  signal?: AbortSignal,
): Promise<BillOutcome> {
  const tried = await tryBill(parts, "TRADE", date, signal);
  if (tried.kind !== "compared") return tried;
  assert(tried.type === "TRADE", "a trade bill was asked for");
  const { day, bill } = tried;
  const hints = tried.findings.filter(isHint);
  const asked = await askAbout(parts, hints, signal);
  const left =
    hints.length === 0 ? tried.findings : compareBill(bill, await parts.books.ledger(day, bill));
  const findings = left.map((finding) => noted(finding, asked.notes));
  const { settled, doubts } = asked;
  return recorded(parts, { ...tried, findings, settled }, doubts);
}

/**
 * The same for a fund-flow bill. It names no order and no state, so there is nothing to be asked: what differs is written down.
 * @throws as checkBill
 */
export async function checkFlow(
  parts: Comparing,
  date: string,
  signal?: AbortSignal,
): Promise<BillOutcome> {
  const tried = await tryBill(parts, "FUND_FLOW", date, signal);
  return tried.kind === "compared" ? recorded(parts, tried, []) : tried;
}

async function recorded(
  { books }: Comparing,
  check: BillCheck,
  doubts: readonly unknown[],
): Promise<BillOutcome> {
  const written = await books.record(check);
  const lacksStatement = check.sha1 === "" && check.findings.length > 0;
  return { ...check, ...written, kind: "checked", doubts, lacksStatement };
}

/** A payment that isn't booked, or a refund that has gone on: the provider can tell for certain. */
function isHint({ kind, refundId }: BillFinding): boolean {
  return (kind === "MISSING_HERE" && refundId === null) || kind === "STATE_DIFFERS";
}

interface Asked {
  /** What came of asking, by the finding's key. */
  readonly notes: Map<string, string>;
  settled: number;
  readonly doubts: unknown[];
}

/** What is asked about at one time: as the payment checker does. */
const AT_ONCE = 4;

async function askAbout(
  parts: CashierParts,
  hints: readonly BillFinding[],
  signal: AbortSignal | undefined,
): Promise<Asked> {
  const asked: Asked = { notes: new Map(), settled: 0, doubts: [] };
  const left = [...hints];
  const worker = async () => {
    for (let hint = left.shift(); hint !== undefined; hint = left.shift()) {
      signal?.throwIfAborted();
      try {
        const said =
          hint.refundId === null ? askPayment(parts, hint, signal) : askRefund(parts, hint, signal);
        const { note, isNews } = await said;
        asked.notes.set(keyOf(hint), note);
        if (isNews && hint.refundId === null) asked.settled += 1;
      } catch (fault) {
        // One line that can't be cleared up holds up no other; the day is checked again for it.
        asked.doubts.push(fault);
        asked.notes.set(
          keyOf(hint),
          fault instanceof Refusal ? fault.message : "it could not be booked",
        );
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return asked;
}

interface Said {
  readonly note: string;
  /** Whether anything was booked by it. */
  readonly isNews: boolean;
}

async function askPayment(
  parts: CashierParts,
  { orderId }: BillFinding,
  signal: AbortSignal | undefined,
): Promise<Said> {
  // Another system may sell under the same merchant number: its orders are none of ours.
  if ((await parts.reader.findOrder(orderId as OrderId)) === undefined) {
    return { note: "there is no such order here", isNews: false };
  }
  const { tradeState, settled } = await settling(parts).settle(orderId as OrderId, "BILL", signal);
  const isNews = settled !== null && settled !== "known";
  return { note: `asked, WeChat Pay says ${tradeState}`, isNews };
}

async function askRefund(
  parts: CashierParts,
  hint: BillFinding,
  signal: AbortSignal | undefined,
): Promise<Said> {
  const refundId = hint.refundId as RefundId;
  const answer = await asking(() => parts.gateway.queryRefund(refundId, signal));
  if (answer.kind !== "refund") {
    return { note: `asked, WeChat Pay says: ${answer.message}`, isNews: false };
  }
  const settled = await settling(parts).settleRefundTrade(refundId, answer.refund, "BILL", signal);
  return { note: `asked, WeChat Pay says ${answer.refund.status}`, isNews: settled === "moved" };
}

function noted(finding: BillFinding, notes: ReadonlyMap<string, string>): BillFinding {
  const note = isHint(finding) ? notes.get(keyOf(finding)) : undefined;
  return note === undefined
    ? finding
    : { ...finding, note: [finding.note, note].filter(Boolean).join("; ") };
}

function keyOf({ orderId, transactionId, refundId }: BillFinding): string {
  return refundId === null
    ? paymentKey(transactionId ?? "", orderId)
    : refundKey(refundId, orderId);
}
