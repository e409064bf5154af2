/**
 * What the oracle sends and hears, in words of its own: nothing here comes from the program that it
 * judges. Amounts are quota units, as plain numbers: a run's are small.
 */

export type QuotaRequest = ReserveRequest | CommitRequest | RefundRequest | ExtendRequest;
export type Method = QuotaRequest["method"];

export interface ReserveRequest {
  readonly method: "ReserveQuota";
  readonly key: string;
  readonly userId: string;
  readonly featureId: string;
  readonly taskId: string;
  readonly quantity: number;
  readonly ttlMs: number;
}

export interface CommitRequest {
  readonly method: "CommitQuota";
  readonly key: string;
  readonly reservationId: string;
  /** Null: all that is held. */
  readonly actualAmount: number | null;
}

export interface RefundRequest {
  readonly method: "RefundQuota";
  readonly key: string;
  readonly target:
    | { readonly reservationId: string }
    | { readonly taskId: string; readonly userId: string };
  readonly reason: "STEP_FAILED" | "TIMEOUT" | "CANCELLED_BEFORE_START";
  readonly failedStep: string;
}

export interface ExtendRequest {
  readonly method: "ExtendReservation";
  readonly key: string;
  readonly reservationId: string;
  readonly ttlMs: number;
}

/** A reservation as it was answered. */
export interface AnsweredReservation {
  readonly reservationId: string;
  readonly userId: string;
  readonly featureId: string;
  readonly taskId: string;
  readonly quantity: number;
  readonly amount: number;
  readonly committedAmount: number;
  readonly refundedAmount: number;
  readonly state: "HELD" | "COMMITTED" | "REFUNDED" | "EXPIRED";
  readonly allocations: readonly (readonly [grantId: string, amount: number])[];
  readonly expireTimeMs: number;
}

export interface Answer {
  readonly outcome: "ok";
  readonly replayed: boolean;
  readonly reservations: readonly AnsweredReservation[];
  /** Null where the method answers without one. */
  readonly balance: { readonly available: number; readonly held: number } | null;
}

export type Reply =
  | Answer
  /** A definite no: this attempt has changed nothing and never will. */
  | { readonly outcome: "refused"; readonly reason: string }
  /** Nobody can say whether it happened; the key will tell. */
  | { readonly outcome: "unknown"; readonly why: string }
  /** As unknown, and moreover nothing that the contract knows: a bug. */
  | { readonly outcome: "broken"; readonly why: string };

/** Whoever serves requests: a teller in this process, or a service behind its wire. */
export interface Target {
  readonly name: string;
  /** Never rejects. */
  send(request: QuotaRequest): Promise<Reply>;
}

/** Refusals that tell of load and not of the request: the same request may pass a moment later. */
const OF_LOAD: ReadonlySet<string> = new Set([
  "OVERLOADED",
  "DRAINING",
  "ACCOUNT_BUSY",
  "FLOOD_LIMITED",
]);

export function isOfLoad(reply: Reply): boolean {
  return reply.outcome === "refused" && OF_LOAD.has(reply.reason);
}

/** True when the reply leaves open what became of the request. */
export function isOpen(reply: Reply | undefined): boolean {
  return reply === undefined || reply.outcome === "unknown" || reply.outcome === "broken";
}

/** What names an operation: keys are unique within a method. */
export function nameOf({ method, key }: Pick<QuotaRequest, "method" | "key">): string {
  return `${method} ${key}`;
}
