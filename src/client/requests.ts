/**
 * What callers say, and the messages that it becomes. Times are milliseconds here, Durations there.
 */
import type { Duration } from "../gen/google/protobuf/duration.ts";
import { RefundReason as WireReason, Reservation_State } from "../gen/billing/quota/v1/quota.ts";
import type {
  BatchReserveQuotaRequest,
  CheckQuotaRequest,
  CommitQuotaRequest,
  ExtendReservationRequest,
  ListReservationsRequest,
  RefundQuotaRequest,
  ReserveQuotaRequest,
} from "../gen/billing/quota/v1/quota_service.ts";

/** Why quota goes back. `USER_DISSATISFIED` is always refused. */
export type RefundReason = Exclude<keyof typeof WireReason, "UNSPECIFIED" | "UNRECOGNIZED">;

/** All refund reasons, for programs that read them from people. */
export const REFUND_REASONS: readonly RefundReason[] = Object.keys(WireReason).filter(
  (name): name is RefundReason => name !== "UNSPECIFIED" && name !== "UNRECOGNIZED",
);

/** What became of a hold. */
export type ReservationState = Exclude<
  keyof typeof Reservation_State,
  "UNSPECIFIED" | "UNRECOGNIZED"
>;

/** The state's name, or undefined for one that a newer service has invented. */
export function stateName(state: number): ReservationState | undefined {
  const found = Object.entries(Reservation_State).find(([, value]) => value === state)?.[0];
  return found === "UNSPECIFIED" || found === "UNRECOGNIZED"
    ? undefined
    : (found as ReservationState | undefined);
}

/** What every mutating call has. */
interface Mutation {
  /** 1 to 128 visible ASCII characters. The same key with the same content happens once. */
  readonly idempotencyKey: string;
  /** True: decide and answer as if, but change nothing. */
  readonly validateOnly?: boolean | undefined;
}

export interface ReserveInput extends Mutation {
  readonly userId: string;
  readonly featureId: string;
  readonly taskId: string;
  /** Uses, from 1 to 1000; 1 when absent. */
  readonly quantity?: number | undefined;
  /** The hold's life unless it is settled or extended: 1 s to 24 h; 15 minutes when absent. */
  readonly ttlMs?: number | undefined;
  /** At most 16. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface BatchReserveInput extends Mutation {
  readonly userId: string;
  readonly taskId: string;
  /** 1 to 20 uses, all or none. */
  readonly lines: readonly { readonly featureId: string; readonly quantity?: number | undefined }[];
  /** The holds' life: 1 s to 24 h; 15 minutes when absent. */
  readonly ttlMs?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface CommitInput extends Mutation {
  readonly reservationId: string;
  /** Quota units really spent, from 0 to the amount held; all of it when absent. */
  readonly actualAmount?: bigint | undefined;
}

/** One hold, or every hold of a task. */
export type RefundTarget =
  | { readonly reservationId: string }
  | {
      readonly taskId: string;
      /** Needed only where several users have used one task id. */
      readonly userId?: string | undefined;
    };

export type RefundInput = Mutation &
  RefundTarget & {
    readonly reason: RefundReason;
    /** The pipeline step that failed; at most 255 characters. */
    readonly failedStep?: string | undefined;
    /** What happened, for the log; at most 1000 characters. */
    readonly detail?: string | undefined;
  };

export interface ExtendInput extends Mutation {
  readonly reservationId: string;
  /** The hold's new life from now on: 1 s to 24 h; 15 minutes when absent. */
  readonly ttlMs?: number | undefined;
}

export interface CheckInput {
  readonly userId: string;
  readonly featureId: string;
  /** Uses, from 1 to 1000; 1 when absent. */
  readonly quantity?: number | undefined;
}

export interface ListReservationsInput {
  readonly userId?: string | undefined;
  readonly taskId?: string | undefined;
  readonly featureId?: string | undefined;
  /** Without a user or a task only HELD may be asked for, and is when absent. */
  readonly state?: ReservationState | undefined;
  /** Only those made at least so many milliseconds ago. */
  readonly minAgeMs?: number | undefined;
  /** At most 500; 50 when absent. */
  readonly pageSize?: number | undefined;
  /** The `nextPageToken` of the page before. */
  readonly pageToken?: string | undefined;
}

export function toReserveRequest(input: ReserveInput): ReserveQuotaRequest {
  const { idempotencyKey, userId, featureId, taskId, quantity, validateOnly = false } = input;
  const ttl = durationOf(input.ttlMs);
  const labels = mapOf(input.labels);
  return { idempotencyKey, userId, featureId, taskId, quantity, ttl, labels, validateOnly };
}

export function toBatchReserveRequest(input: BatchReserveInput): BatchReserveQuotaRequest {
  const { idempotencyKey, userId, taskId, validateOnly = false } = input;
  const ttl = durationOf(input.ttlMs);
  const labels = mapOf(input.labels);
  const lines = input.lines.map(({ featureId, quantity }) => ({ featureId, quantity }));
  return { idempotencyKey, userId, taskId, lines, ttl, labels, validateOnly };
}

export function toCommitRequest(input: CommitInput): CommitQuotaRequest {
  const { idempotencyKey, reservationId, actualAmount, validateOnly = false } = input;
  return { idempotencyKey, reservationId, actualAmount, validateOnly };
}

export function toRefundRequest(input: RefundInput): RefundQuotaRequest {
  const { idempotencyKey, reason, failedStep = "", detail = "", validateOnly = false } = input;
  const common = { idempotencyKey, reason: WireReason[reason], failedStep, detail, validateOnly };
  if ("reservationId" in input) {
    const target = { $case: "reservationId", value: input.reservationId } as const;
    return { ...common, target, userId: "" };
  }
  return {
    ...common,
    target: { $case: "taskId", value: input.taskId },
    userId: input.userId ?? "",
  };
}

export function toExtendRequest(input: ExtendInput): ExtendReservationRequest {
  const { idempotencyKey, reservationId, validateOnly = false } = input;
  return { idempotencyKey, reservationId, ttl: durationOf(input.ttlMs), validateOnly };
}

export function toCheckRequest({ userId, featureId, quantity }: CheckInput): CheckQuotaRequest {
  return { userId, featureId, quantity };
}

export function toListReservationsRequest(input: ListReservationsInput): ListReservationsRequest {
  const { userId = "", taskId = "", featureId = "", state, pageSize = 0, pageToken = "" } = input;
  return {
    userId,
    taskId,
    featureId,
    state: Reservation_State[state ?? "UNSPECIFIED"],
    minAge: durationOf(input.minAgeMs),
    pageSize,
    pageToken,
  };
}

function mapOf(labels: Readonly<Record<string, string>> = {}): Map<string, string> {
  return new Map(Object.entries(labels));
}

function durationOf(ms: number | undefined): Duration | undefined {
  if (ms === undefined) return undefined;
  const wholeMs = Math.round(ms);
  return { seconds: BigInt(Math.trunc(wholeMs / 1_000)), nanos: (wholeMs % 1_000) * 1_000_000 };
}
