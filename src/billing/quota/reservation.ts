/**
 * Reservations. The states and the ways between them:
 *
 *   (none)    --ReserveQuota-->  HELD
 *   HELD      --CommitQuota-->   COMMITTED   spends all or less; the rest goes back
 *   HELD      --RefundQuota-->   REFUNDED    all goes back
 *   HELD      --time-->          EXPIRED     all goes back
 *   COMMITTED --RefundQuota-->   REFUNDED    what was spent goes back, within the refund window
 *   EXPIRED   --CommitQuota-->   COMMITTED   holds anew first, if the balance allows
 *   EXPIRED   --RefundQuota-->   REFUNDED    nothing moves; a later commit is refused
 *   REFUNDED  is final
 */
import type { FeatureId, ReservationId, TaskId, UserId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../clock.ts";
import type { Allocation } from "./lot.ts";

export type ReservationState = "HELD" | "COMMITTED" | "REFUNDED" | "EXPIRED";

/** Faults of the system: the only reasons for which quota goes back. */
export type RefundReason =
  | "STEP_FAILED"
  | "TIMEOUT"
  | "UPSTREAM_ERROR"
  | "SYSTEM_ERROR"
  | "CANCELLED_BEFORE_START";

export interface Reservation {
  readonly reservationId: ReservationId;
  readonly userId: UserId;
  readonly featureId: FeatureId;
  readonly featureVersion: number;
  readonly taskId: TaskId;
  /** Uses of the feature. */
  readonly quantity: number;
  readonly unitCost: QuotaUnits;
  /** Held at first: unitCost times quantity. */
  readonly amount: QuotaUnits;
  readonly committedAmount: QuotaUnits;
  readonly refundedAmount: QuotaUnits;
  readonly state: ReservationState;
  readonly eligibleForRefund: boolean;
  /** Where the quota came from, in draw order; a commit after expiry replaces them. */
  readonly allocations: readonly Allocation[];
  readonly labels: Readonly<Record<string, string>>;
  /** False when it was cancelled before its start: then it doesn't count against limits. */
  readonly countsForLimits: boolean;
  /** What the rules saw when it was made, for ExplainReservation. */
  readonly decision: DecisionTrace;
  readonly createTimeMs: number;
  readonly expireTimeMs: number;
  readonly commitTimeMs: number | null;
  readonly refundTimeMs: number | null;
  readonly refundReason: RefundReason | null;
  readonly failedStep: string;
  readonly refundDetail: string;
}

/** What the rules saw at the moment of the decision, before the reservation itself. */
export interface DecisionTrace {
  readonly available: QuotaUnits;
  readonly membershipUntilMs: number;
  /** Null when the feature had no limits. */
  readonly usage: UsageTrace | null;
}

export interface UsageTrace {
  readonly lastHour: number;
  readonly lastDay: number;
  readonly inFlight: number;
  /** Null: never used within the last day. */
  readonly lastStartMs: number | null;
}

export const QUANTITY_MAX = 1_000;
export const TTL_DEFAULT_MS = 15 * MINUTE_MS;
export const TTL_MIN_MS = SECOND_MS;
/**
 * The longest life of a hold, extensions included. The limits count the uses of the last 24 hours, so
 * no open hold may be older than those.
 */
export const HOLD_MAX_MS = DAY_MS;
export const HOUR_WINDOW_MS = HOUR_MS;
export const DAY_WINDOW_MS = DAY_MS;
/** How many features one BatchReserveQuota may name: as many as a pipeline reasonably chains. */
export const BATCH_LINES_MAX = 20;
