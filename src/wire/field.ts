/**
 * Request fields become values of the domain here. One FieldCheck a request collects every field
 * that breaks its rule; `done` refuses all of them together. The rules are those that the proto
 * comments state. A parser always returns a value, so that the rest of the request is checked too;
 * what it returns for a bad field never leaves, since `done` throws.
 */
import type { Duration } from "../gen/google/protobuf/duration.ts";
import {
  CALLER_ID,
  type ApprovalId,
  type FeatureId,
  type OrderId,
  type PackId,
  type PaymentId,
  type PipelineId,
  type PlanId,
  type RefundId,
  type ReservationId,
  type TaskId,
  type UserId,
} from "../billing/id.ts";
import { AMOUNT_MAX } from "../billing/money.ts";
import { BadField, type FieldViolation } from "../billing/refusal.ts";
import { textFault, type TextRule } from "./text-rule.ts";

/** Idempotency keys and correlation ids: visible ASCII without spaces. */
const KEY = /^[\x21-\x7e]{1,128}$/;
const KEY_RULE = "is required: 1 to 128 visible ASCII characters without spaces";
const ID_RULE =
  "must be 1 to 63 of the characters A-Z a-z 0-9 . _ : - and start with a letter or a digit";
const LABEL_KEY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const LABEL_KEY_RULE =
  "keys must be 1 to 63 of the characters A-Z a-z 0-9 . _ - and start with a letter or a digit";
/** As many words as a task's owner needs to find it again; they are stored with every hold. */
export const LABELS_MAX = 16;
const LABEL_VALUE: TextRule = { min: 0, max: 255 };
/**
 * Violations reported at most: the status travels in an HTTP/2 trailer, and common clients take no
 * more than 8 KiB of those.
 */
export const VIOLATIONS_MAX = 30;
const NANOS_PER_MS = 1_000_000n;
const NANOS_PER_SECOND = 1_000_000_000n;
const NANOS_MAX = 999_999_999;
/** 9999-12-31T23:59:59.999Z, the last moment that a Timestamp and the database both know. */
const TIME_MAX_MS = 253_402_300_799_999;

/** A rule for whole numbers; both ends are inside. */
export interface IntRule {
  readonly min: number;
  readonly max: number;
}

/** Reads what may be left out: null when it is. */
export function ifGiven<T>(value: string, read: (value: string) => T): T | null {
  return value === "" ? null : read(value);
}

export class FieldCheck {
  readonly #prefix: string;
  readonly #violations: FieldViolation[] = [];

  /** @param prefix what stands before every path, such as `reserve.` within a stream's operation */
  constructor(prefix = "") {
    this.#prefix = prefix;
  }

  /** Notes that a field breaks its rule; `rule` is a sentence about the field. */
  refuse(field: string, rule: string): void {
    this.#violations.push({ field: this.#prefix + field, rule });
  }

  /**
   * To be called when every field was read.
   * @throws BadField when one or more broke their rules
   */
  done(): void {
    const { length } = this.#violations;
    if (length === 0) return;
    if (length > VIOLATIONS_MAX) {
      const rule = `has ${length - VIOLATIONS_MAX + 1} more faults, not listed here`;
      this.#violations.splice(VIOLATIONS_MAX - 1, Infinity, { field: "", rule });
    }
    throw new BadField(this.#violations);
  }

  userId(field: string, value: string): UserId {
    return this.#id(field, value) as UserId;
  }

  featureId(field: string, value: string): FeatureId {
    return this.#id(field, value) as FeatureId;
  }

  taskId(field: string, value: string): TaskId {
    return this.#id(field, value) as TaskId;
  }

  reservationId(field: string, value: string): ReservationId {
    return this.#id(field, value) as ReservationId;
  }

  approvalId(field: string, value: string): ApprovalId {
    return this.#id(field, value) as ApprovalId;
  }

  orderId(field: string, value: string): OrderId {
    return this.#id(field, value) as OrderId;
  }

  refundId(field: string, value: string): RefundId {
    return this.#id(field, value) as RefundId;
  }

  paymentId(field: string, value: string): PaymentId {
    return this.#id(field, value) as PaymentId;
  }

  planId(field: string, value: string): PlanId {
    return this.#id(field, value) as PlanId;
  }

  pipelineId(field: string, value: string): PipelineId {
    return this.#id(field, value) as PipelineId;
  }

  packId(field: string, value: string): PackId {
    return this.#id(field, value) as PackId;
  }

  /** The id of a source of quota: an order, a campaign or an approval. */
  sourceId(field: string, value: string): string {
    return this.#id(field, value);
  }

  /**
   * All ids have one rule, those that we made too: what isn't there is not found, not malformed.
   */
  #id(field: string, value: string): string {
    if (!CALLER_ID.test(value))
      this.refuse(field, value === "" ? `is required: ${ID_RULE}` : ID_RULE);
    return value;
  }

  /** A required idempotency key or correlation id. */
  key(field: string, value: string): string {
    if (!KEY.test(value)) this.refuse(field, KEY_RULE);
    return value;
  }

  /** A whole number within its range; `absent` stands in for one that is left out. */
  int(field: string, value: number | undefined, { min, max }: IntRule, absent: number): number {
    if (value === undefined) return absent;
    if (!(value >= min && value <= max)) this.refuse(field, `must be from ${min} to ${max}`);
    return value;
  }

  /** An amount of fen or quota units; at most AMOUNT_MAX, or less where `max` says so. */
  amount(field: string, value: bigint, min: bigint, max: bigint = AMOUNT_MAX): bigint {
    if (value < min || value > max) this.refuse(field, `must be from ${min} to ${max}`);
    return value;
  }

  /**
   * A length of time in whole milliseconds, rounded down.
   * @param absentMs stands in for one that is left out
   */
  durationMs(field: string, value: Duration | undefined, range: IntRule, absentMs: number): number {
    if (value === undefined) return absentMs;
    const { seconds, nanos } = value;
    const mixed = (seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0);
    if (mixed || Math.abs(nanos) > NANOS_MAX) {
      this.refuse(field, "must have nanos of the sign of seconds and below one second");
      return absentMs;
    }
    const length = seconds * NANOS_PER_SECOND + BigInt(nanos);
    const { min, max } = range;
    if (length < BigInt(min) * NANOS_PER_MS || length > BigInt(max) * NANOS_PER_MS) {
      this.refuse(field, `must be from ${min / 1000} to ${max / 1000} seconds`);
      return absentMs;
    }
    return Number(length / NANOS_PER_MS);
  }

  /** A moment in milliseconds since 1970, or null when it is left out. */
  timeMs(field: string, value: Date | undefined): number | null {
    if (value === undefined) return null;
    const ms = value.getTime();
    // Not a number: it lies beyond what a Date can hold.
    if (!(ms >= 0 && ms <= TIME_MAX_MS)) this.refuse(field, "must lie between 1970 and 9999");
    return Math.trunc(ms);
  }

  text(field: string, value: string, rule: TextRule): string {
    const fault = textFault(value, rule);
    if (fault !== undefined) this.refuse(field, fault);
    return value;
  }

  /** Labels as an object; `__proto__` and its like are no keys, so they can't reach it. */
  labels(field: string, value: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
    if (value.size === 0) return NO_LABELS;
    if (value.size > LABELS_MAX) this.refuse(field, `must be at most ${LABELS_MAX}`);
    const labels: Record<string, string> = {};
    for (const [key, text] of value) {
      if (!LABEL_KEY.test(key)) {
        this.refuse(field, LABEL_KEY_RULE);
        // One sentence says it for all keys.
        break;
      }
      labels[key] = this.text(`${field}.${key}`, text, LABEL_VALUE);
    }
    return labels;
  }

  /** A required enum value: neither UNSPECIFIED nor a number that isn't in the table. */
  oneOf<T>(field: string, table: Readonly<Record<number, T>>, value: number): T {
    if (value === 0) this.refuse(field, "is required");
    return this.optionalOneOf(field, table, value) as T;
  }

  /** An enum value, or null for UNSPECIFIED (0), which is what is left out. */
  optionalOneOf<T>(field: string, table: Readonly<Record<number, T>>, value: number): T | null {
    if (value === 0) return null;
    const known = table[value];
    if (known !== undefined) return known;
    this.refuse(field, `must be one of the values of its enum, not ${value}`);
    return null;
  }
}

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});
