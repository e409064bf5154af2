/**
 * A day's bill, checked: the third way by which a payment becomes known, and the first step of
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
import type { Refused } from "./gateway.ts";
import { settling } from "./settle.ts";

export interface BillSource {
  /**
   * @param date YYYY-MM-DD in Asia/Shanghai
   * @throws when it is not what was promised, can't be read or doesn't add up
   */
  tradeBill(date: string, signal?: AbortSignal): Promise<BillAnswer>;
}

export type BillAnswer =
  /** @param sha1 tells bills apart: 40 lower-case hexadecimal digits */
  | { readonly kind: "ready"; readonly bill: Bill; readonly sha1: string }
  | { readonly kind: "creating" }
  /** Nothing happened that day, says the provider. */
  | { readonly kind: "no-statement" }
  | Refused;

export interface BillBooks {
  /** What is booked for the day, and what the bill names whenever it was booked. */
  ledger(day: BillDay, bill: Bill): Promise<BillLedger>;
  /**
   * Writes the bill and its findings down. The same bill again adds what is new in the findings and marks
   * what is no more; another bill of the same day takes the place of the one before.
   */
  record(check: BillCheck): Promise<RecordedBill>;
}

export interface BillCheck {
  readonly day: BillDay;
  /** Empty where the provider has no statement. */
  readonly sha1: string;
  readonly bill: Bill;
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

/** @throws what the source and the books throw; nothing is written then */
export async function checkBill(
  parts: BillParts,
  date: string,
  signal?: AbortSignal,
): Promise<BillOutcome> {
  const { source, books } = parts;
  const day = billDay(date);
  assert(day !== undefined, "a bill's day is YYYY-MM-DD");
  const answer = await source.tradeBill(date, signal);
  if (answer.kind === "creating" || answer.kind === "refused") return answer;
  const isReady = answer.kind === "ready";
  const bill = isReady ? answer.bill : EMPTY_BILL;
  const compare = async () => compareBill(bill, await books.ledger(day, bill));
  const first = await compare();
  const hints = first.filter(isHint);
  const asked = await askAbout(parts, hints, signal);
  const left = hints.length === 0 ? first : await compare();
  const findings = left.map((finding) => noted(finding, asked.notes));
  const { settled, doubts } = asked;
  const check: BillCheck = { day, sha1: isReady ? answer.sha1 : "", bill, findings, settled };
  const recorded = await books.record(check);
  const lacksStatement = !isReady && findings.length > 0;
  return { kind: "checked", ...check, ...recorded, doubts, lacksStatement };
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
