/** A bill, compared with the books when somebody wants it: WeChat Pay's as the daily check does, a vendor's with what was metered. */
import { checkBill, checkFlow, tryBill } from "../order/check-bill.ts";
import type { BillOutcome, BillParts, BillType, TriedBill } from "../order/check-bill.ts";
import { GatewayFault } from "../order/gateway.ts";
import type { Command } from "../quota/desk.ts";
import type { Served } from "../quota/teller.ts";
import { Refusal } from "../refusal.ts";
import { compareBill, type Comparison, type ComparisonState } from "./compare-bill.ts";
import type { CostReader, VendorBill } from "./cost.ts";
import type { ReconciliationSource } from "./discrepancy.ts";

export type Reconcile =
  | {
      readonly source: "WECHAT_TRADE" | "WECHAT_FUND_FLOW";
      /** YYYY-MM-DD in Asia/Shanghai. */
      readonly date: string;
    }
  | {
      readonly source: "VENDOR";
      /** YYYY-MM. */
      readonly date: string;
      readonly vendor: string;
      /** Thousandths of the billed amount that don't count as a difference. */
      readonly tolerance: bigint;
    };

export interface Reconciliation {
  readonly date: string;
  readonly source: ReconciliationSource;
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

/** A service of a vendor of which more or less was billed than metered. */
export interface VendorFinding {
  readonly kind: Exclude<ComparisonState, "MATCHED">;
  readonly service: string;
  /** In micro-yuan; null where nothing was metered. */
  readonly here: bigint | null;
  /** In micro-yuan; null where nothing was billed. */
  readonly there: bigint | null;
  readonly note: string;
}

/** What is compared with what. */
export interface ReconcilerParts {
  /** Undefined where no merchant account is configured. */
  readonly bills: BillParts | undefined;
  readonly costs: CostReader;
  readonly books: ReconciliationBooks;
  /** Whether what was thrown says that a bill could not be read. */
  readonly isFault: (fault: unknown) => boolean;
}

/** Keys of commands, and what was answered. */
export interface ReconciliationBooks {
  /** The answer to the same key, when it was used before. @throws Refusal IDEMPOTENCY_KEY_REUSED */
  find(command: Command<Reconcile>): Promise<Reconciliation | undefined>;
  /**
   * Writes down what differs between a vendor's bill and what was metered; an older bill's findings are cleared.
   * @returns how many didn't stand before
   */
  recordVendor(bill: VendorBill, findings: readonly VendorFinding[]): Promise<number>;
  /** @throws Refusal IDEMPOTENCY_KEY_REUSED; ACCOUNT_BUSY; DATABASE_UNAVAILABLE */
  keep(command: Command<Reconcile>, answer: Reconciliation): Promise<Served<Reconciliation>>;
}

export interface Reconciler {
  /**
   * Comparing once more does no harm, so the key is kept after it: whoever dies between the two does it again.
   * @throws Refusal BILL_UNAVAILABLE, PAYMENT_UNAVAILABLE, PAYMENT_NOT_CONFIGURED, VENDOR_BILL_NOT_FOUND,
   *   IDEMPOTENCY_KEY_REUSED; as the books
   */
  reconcile(command: Command<Reconcile>, signal?: AbortSignal): Promise<Served<Reconciliation>>;
}

/** When a caller should come back after a fault of the way to the provider. */
const RETRY_MS = 5_000;

export function createReconciler(parts: ReconcilerParts): Reconciler {
  const { books } = parts;
  return {
    async reconcile(command, signal) {
      const { input, validateOnly } = command;
      const first = await books.find(command);
      if (first !== undefined) return { answer: first, replayed: true };
      const answer =
        input.source === "VENDOR"
          ? await ofVendor(parts, input, validateOnly)
          : await ofDay(parts, input, validateOnly, signal);
      return validateOnly ? { answer, replayed: false } : books.keep(command, answer);
    },
  };
}

type OfVendor = Extract<Reconcile, { readonly source: "VENDOR" }>;
type OfDay = Exclude<Reconcile, OfVendor>;

async function ofVendor(
  { costs, books }: ReconcilerParts,
  input: OfVendor,
  validateOnly: boolean,
): Promise<Reconciliation> {
  const { source, date, vendor, tolerance } = input;
  const { bill, comparisons } = await compareBill(costs, { vendor, month: date, tolerance });
  const findings = comparisons.flatMap(findingOf);
  const news = validateOnly ? 0 : await books.recordVendor(bill, findings);
  return {
    date,
    source,
    billId: validateOnly ? null : bill.billId,
    sha1: "",
    lines: bill.lineCount,
    isNewBill: false,
    discrepancies: findings.length,
    newDiscrepancies: news,
    settledPayments: 0,
    doubts: 0,
  };
}

function findingOf({ state, ...sums }: Comparison): VendorFinding[] {
  if (state === "MATCHED") return [];
  const { service, metered, meteredCount, billed, billedCount } = sums;
  return [
    {
      kind: state,
      service,
      here: meteredCount === 0 ? null : metered,
      there: billedCount === 0 ? null : billed,
      note: `${meteredCount} costs metered, ${billedCount} lines billed`,
    },
  ];
}

async function ofDay(
  { bills, isFault }: ReconcilerParts,
  input: OfDay,
  validateOnly: boolean,
  signal: AbortSignal | undefined,
): Promise<Reconciliation> {
  if (bills === undefined) {
    const message = "this server has no merchant account configured";
    throw new Refusal("PAYMENT_NOT_CONFIGURED", message, {});
  }
  const { source, date } = input;
  const type: BillType = source === "WECHAT_TRADE" ? "TRADE" : "FUND_FLOW";
  const check = type === "TRADE" ? checkBill : checkFlow;
  const look = validateOnly ? tryBill(bills, type, date, signal) : check(bills, date, signal);
  const outcome = await look.catch((fault: unknown) => {
    throw told(fault, input, isFault);
  });
  return answerOf(input, outcome);
}

function answerOf(input: OfDay, outcome: BillOutcome | TriedBill): Reconciliation {
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
function told(fault: unknown, input: OfDay, isFault: (fault: unknown) => boolean): unknown {
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
  { date, source }: OfDay,
  why: "CREATING" | "REFUSED" | "UNTRUSTED",
  message: string,
  cause?: unknown,
): Refusal {
  const refusal = new Refusal("BILL_UNAVAILABLE", message, { date, source, why });
  refusal.cause = cause;
  return refusal;
}
