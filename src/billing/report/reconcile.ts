/** A day's bill, compared with the books when somebody wants it, as the daily check does. */
import { checkBill, checkFlow, tryBill } from "../order/check-bill.ts";
import type { BillOutcome, BillParts, BillType, TriedBill } from "../order/check-bill.ts";
import { GatewayFault } from "../order/gateway.ts";
import type { Command } from "../quota/desk.ts";
import type { Served } from "../quota/teller.ts";
import { Refusal } from "../refusal.ts";
import type { ReconciliationSource } from "./discrepancy.ts";

export interface Reconcile {
  /** YYYY-MM-DD in Asia/Shanghai. */
  readonly date: string;
  readonly source: ReconciliationSource;
}

export interface Reconciliation extends Reconcile {
  /** Null when nothing was kept. */
  readonly billId: string | null;
  /** Empty where the provider has no bill of that day. */
  readonly sha1: string;
  readonly lines: number;
  readonly isNewBill: boolean;
  /** Those that stand, and those of them that didn't before. */
  readonly discrepancies: number;
  readonly newDiscrepancies: number;
  /** Payments that only became known by it. */
  readonly settledPayments: number;
  /** Lines that could not be cleared up. */
  readonly doubts: number;
}

/** Keys of commands, and what was answered. */
export interface ReconciliationBooks {
  /** The answer to the same key, when it was used before. @throws Refusal IDEMPOTENCY_KEY_REUSED */
  find(command: Command<Reconcile>): Promise<Reconciliation | undefined>;
  /** @throws Refusal IDEMPOTENCY_KEY_REUSED; ACCOUNT_BUSY; DATABASE_UNAVAILABLE */
  keep(command: Command<Reconcile>, answer: Reconciliation): Promise<Served<Reconciliation>>;
}

export interface Reconciler {
  /**
   * Comparing once more does no harm, so the key is kept after it: whoever dies between the two does it again.
   * @throws Refusal BILL_UNAVAILABLE, PAYMENT_UNAVAILABLE, IDEMPOTENCY_KEY_REUSED; as the books
   */
  reconcile(command: Command<Reconcile>, signal?: AbortSignal): Promise<Served<Reconciliation>>;
}

/** When a caller should come back after a fault of the way to the provider. */
const RETRY_MS = 5_000;

/** @param isFault whether what was thrown says that a bill could not be read */
export function createReconciler(
  bills: BillParts,
  books: ReconciliationBooks,
  isFault: (fault: unknown) => boolean,
): Reconciler {
  return {
    async reconcile(command, signal) {
      const { input, validateOnly } = command;
      const first = await books.find(command);
      if (first !== undefined) return { answer: first, replayed: true };
      const type: BillType = input.source === "WECHAT_TRADE" ? "TRADE" : "FUND_FLOW";
      const check = type === "TRADE" ? checkBill : checkFlow;
      const look = validateOnly
        ? tryBill(bills, type, input.date, signal)
        : check(bills, input.date, signal);
      const outcome = await look.catch((fault: unknown) => {
        throw told(fault, input, isFault);
      });
      const answer = answerOf(input, outcome);
      return validateOnly ? { answer, replayed: false } : books.keep(command, answer);
    },
  };
}

function answerOf(input: Reconcile, outcome: BillOutcome | TriedBill): Reconciliation {
  if (outcome.kind === "creating") throw unavailable(input, "CREATING", "the bill isn't made yet");
  if (outcome.kind === "refused") {
    throw unavailable(input, "REFUSED", `WeChat Pay refuses the bill: ${outcome.message}`);
  }
  const { date, source } = input;
  const { sha1, bill, findings, settled } = outcome;
  const isKept = outcome.kind === "checked";
  return {
    date,
    source,
    billId: isKept ? outcome.billId : null,
    sha1,
    lines: bill.rows.length,
    isNewBill: isKept && outcome.isNew,
    discrepancies: findings.length,
    newDiscrepancies: isKept ? outcome.newFindings.length : 0,
    settledPayments: settled,
    doubts: isKept ? outcome.doubts.length : 0,
  };
}

/** What a caller can do about it; anything else is a fault of ours. */
function told(fault: unknown, input: Reconcile, isFault: (fault: unknown) => boolean): unknown {
  const isUntrusted = fault instanceof GatewayFault && fault.kind === "untrusted";
  if (isUntrusted || isFault(fault)) {
    const { message } = fault as Error;
    return unavailable(input, "UNTRUSTED", `the bill is not used: ${message}`, fault);
  }
  if (!(fault instanceof GatewayFault)) return fault;
  const message = "WeChat Pay can't be reached";
  const refusal = new Refusal("PAYMENT_UNAVAILABLE", message, {}, { retryAfterMs: RETRY_MS });
  refusal.cause = fault;
  return refusal;
}

function unavailable(
  { date, source }: Reconcile,
  why: "CREATING" | "REFUSED" | "UNTRUSTED",
  message: string,
  cause?: unknown,
): Refusal {
  const refusal = new Refusal("BILL_UNAVAILABLE", message, { date, source, why });
  refusal.cause = cause;
  return refusal;
}
