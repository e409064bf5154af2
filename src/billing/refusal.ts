/**
 * The "no" of the business. A use case throws a Refusal when the request is well-formed but may not
 * happen; BadField when a field breaks its rule. Anything else that is thrown is a bug or a fault.
 */

/** Every reason, as in proto/billing/error/v1/error_reason.proto without the prefix. */
export type Reason =
  | "USER_NOT_FOUND"
  | "USER_ALREADY_REGISTERED"
  | "USER_SUSPENDED"
  | "MEMBERSHIP_REQUIRED"
  | "PLAN_NOT_FOUND"
  | "PACK_NOT_FOUND"
  | "PRODUCT_NOT_FOR_SALE"
  | "FEATURE_NOT_FOUND"
  | "FEATURE_NOT_PUBLISHED"
  | "FEATURE_ACCESS_DENIED"
  | "FEATURE_STATE_INVALID"
  | "QUOTA_INSUFFICIENT"
  | "RATE_LIMITED"
  | "COOLDOWN_ACTIVE"
  | "IN_FLIGHT_LIMITED"
  | "FLOOD_LIMITED"
  | "RESERVATION_NOT_FOUND"
  | "RESERVATION_NOT_HELD"
  | "RESERVATION_EXPIRED"
  | "ALREADY_REFUNDED"
  | "REFUND_NOT_ELIGIBLE"
  | "SUBJECTIVE_REFUND_FORBIDDEN"
  | "COMMIT_EXCEEDS_RESERVATION"
  | "HOLD_LIMIT_REACHED"
  | "TASK_AMBIGUOUS"
  | "GRANT_SOURCE_UNLAWFUL"
  | "GRANT_SOURCE_USED"
  | "IDEMPOTENCY_KEY_REUSED"
  | "APPROVAL_REQUIRED"
  | "SELF_APPROVAL_FORBIDDEN"
  | "APPROVAL_NOT_FOUND"
  | "APPROVAL_NOT_PENDING"
  | "REVIEW_FAILED"
  | "REVIEW_NOT_FOUND"
  | "ORDER_NOT_PAYABLE"
  | "REFUND_EXCEEDS_PAID"
  | "OFFER_NOT_FOUND"
  | "OFFER_STATE_INVALID"
  | "OFFER_REVIEW_FAILED"
  | "CAMPAIGN_NOT_FOUND"
  | "CAMPAIGN_NOT_RUNNING"
  | "CAMPAIGN_BUDGET_EXHAUSTED"
  | "CAMPAIGN_LIMIT_REACHED"
  | "PIPELINE_REVIEW_FAILED"
  | "PIPELINE_NOT_FOUND"
  | "PIPELINE_STATE_INVALID"
  | "PIPELINE_FEATURE_UNPUBLISHED"
  | "ORDER_NOT_FOUND"
  | "ORDER_LIMIT_REACHED"
  | "ORDER_NOT_REFUNDABLE"
  | "REFUND_NOT_FOUND"
  | "REFUND_NOT_LATEST"
  | "REFUND_LIMIT_REACHED"
  | "REFUND_NOT_ABNORMAL"
  | "PAYMENT_NOT_FOUND"
  | "PAYMENT_REFUSED"
  | "PAYMENT_UNAVAILABLE"
  | "PAYMENT_NOT_CONFIGURED"
  | "COST_UNPRICED"
  | "COST_ALLOCATION_DIFFERS"
  | "COST_CONFLICT"
  | "UNIT_PRICE_NOT_LATER"
  | "VENDOR_BILL_NOT_FOUND"
  | "REPORT_NOT_FOUND"
  | "REPORT_PERIOD_NOT_BEGUN"
  | "ALERT_NOT_FOUND"
  | "ALERT_STATE_INVALID"
  | "BILL_UNAVAILABLE"
  | "DISCREPANCY_NOT_FOUND"
  | "DISCREPANCY_STATE_INVALID"
  | "OVERLOADED"
  | "ACCOUNT_BUSY"
  | "DRAINING"
  | "DATABASE_UNAVAILABLE";

/** What a refusal was about: the keys that error_reason.proto lists for its reason. */
export type Facts = Readonly<Record<string, string>>;

/** A well-formed request that may not happen. It changes nothing and is not stored. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reason: Reason;
  readonly facts: Facts;
  /** Milliseconds after which it would pass as far as this reason goes; absent where waiting doesn't help. */
  readonly retryAfterMs: number | undefined;
  /** Findings, blockers and the like: one line each, for PreconditionFailure. */
  readonly violations: readonly Violation[];

  constructor(reason: Reason, message: string, facts: Facts, more: RefusalDetails = {}) {
    super(message);
    this.reason = reason;
    this.facts = facts;
    this.retryAfterMs = more.retryAfterMs;
    this.violations = more.violations ?? [];
  }
}

/** One of several things that stand against a request. */
export interface Violation {
  /** The kind, such as a review rule's id. */
  readonly type: string;
  /** What it is about. */
  readonly subject: string;
  readonly description: string;
}

interface RefusalDetails {
  readonly retryAfterMs?: number | undefined;
  readonly violations?: readonly Violation[];
}

/** One field and the rule that it breaks. */
export interface FieldViolation {
  /** The field's path as in the proto, such as `lines[2].feature_id`. */
  readonly field: string;
  /** The rule, as a sentence about the field. */
  readonly rule: string;
}

/** A request whose fields break their rules: all of those fields, not only the first. */
export class BadField extends Error {
  override readonly name = "BadField";
  readonly violations: readonly FieldViolation[];

  constructor(violations: readonly FieldViolation[]) {
    super(violations.map(({ field, rule }) => `${field} ${rule}`).join("; "));
    this.violations = violations;
  }
}

/**
 * Holds what must be true by construction. A failure is a bug of ours, never a fault of the caller.
 * @throws Error when it is not true.
 */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}
