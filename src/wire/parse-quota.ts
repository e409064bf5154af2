/**
 * Requests of QuotaService as commands and queries of the domain; each reports all of its bad
 * fields.
 */
import { DAY_MS } from "../billing/clock.ts";
import type { Caller, ReservationId, UserId } from "../billing/id.ts";
import type { CheckQuota } from "../billing/quota/check-quota.ts";
import type { CommitQuota } from "../billing/quota/commit-quota.ts";
import type { Command } from "../billing/quota/desk.ts";
import type { ExtendReservation } from "../billing/quota/extend-reservation.ts";
import type { GrantQuota } from "../billing/quota/grant-quota.ts";
import type { RefundRequest } from "../billing/quota/refund-address.ts";
import {
  BATCH_LINES_MAX,
  HOLD_MAX_MS,
  QUANTITY_MAX,
  TTL_DEFAULT_MS,
  TTL_MIN_MS,
} from "../billing/quota/reservation.ts";
import type {
  BatchReserveQuota,
  ReserveLine,
  ReserveQuota,
} from "../billing/quota/reserve-quota.ts";
import { isSubjective } from "../billing/quota/subjective.ts";
import type {
  BatchReserveQuotaRequest,
  BatchReserveQuotaRequest_Line,
  CheckQuotaRequest,
  CommitQuotaRequest,
  ExtendReservationRequest,
  GrantQuotaRequest,
  RefundQuotaRequest,
  ReserveQuotaRequest,
} from "../gen/billing/quota/v1/quota_service.ts";
import { REFUND_REASONS } from "./enums.ts";
import { FieldCheck, ifGiven } from "./field.ts";
import type { TextRule } from "./text-rule.ts";

const QUANTITY = { min: 1, max: QUANTITY_MAX };
const TTL = { min: TTL_MIN_MS, max: HOLD_MAX_MS };
const FAILED_STEP: TextRule = { min: 0, max: 255 };
const DETAIL: TextRule = { min: 0, max: 1_000, lines: true };
/** The oldest reservations that anybody looks for by age: ten years. */
export const AGE_MAX_MS = 3_650 * DAY_MS;

/** @param prefix where the request stands in the message that it came with, such as `reserve.` */
export function parseReserve(
  request: ReserveQuotaRequest,
  caller: Caller,
  prefix = "",
): Command<ReserveQuota> {
  const check = new FieldCheck(prefix);
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    userId: check.userId("user_id", request.userId),
    featureId: check.featureId("feature_id", request.featureId),
    taskId: check.taskId("task_id", request.taskId),
    quantity: check.int("quantity", request.quantity, QUANTITY, 1),
    ttlMs: check.durationMs("ttl", request.ttl, TTL, TTL_DEFAULT_MS),
    labels: check.labels("labels", request.labels),
  };
  check.done();
  return { input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

export function parseBatchReserve(
  request: BatchReserveQuotaRequest,
  caller: Caller,
): Command<BatchReserveQuota> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    userId: check.userId("user_id", request.userId),
    taskId: check.taskId("task_id", request.taskId),
    lines: readLines(check, request.lines),
    ttlMs: check.durationMs("ttl", request.ttl, TTL, TTL_DEFAULT_MS),
    labels: check.labels("labels", request.labels),
  };
  check.done();
  return { input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

function readLines(
  check: FieldCheck,
  lines: readonly BatchReserveQuotaRequest_Line[],
): ReserveLine[] {
  if (lines.length < 1 || lines.length > BATCH_LINES_MAX) {
    check.refuse("lines", `is required: 1 to ${BATCH_LINES_MAX} lines`);
    return [];
  }
  return lines.map(({ featureId, quantity }, at) => ({
    featureId: check.featureId(`lines[${at}].feature_id`, featureId),
    quantity: check.int(`lines[${at}].quantity`, quantity, QUANTITY, 1),
  }));
}

export function parseCommit(
  request: CommitQuotaRequest,
  caller: Caller,
  prefix = "",
): Command<CommitQuota> {
  const check = new FieldCheck(prefix);
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const { actualAmount } = request;
  const input = {
    reservationId: check.reservationId("reservation_id", request.reservationId),
    actualAmount:
      actualAmount === undefined ? null : check.amount("actual_amount", actualAmount, 0n),
  };
  check.done();
  return { input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

export function parseRefund(
  request: RefundQuotaRequest,
  caller: Caller,
  prefix = "",
): Command<RefundRequest> {
  const check = new FieldCheck(prefix);
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    target: readTarget(check, request),
    failedStep: check.text("failed_step", request.failedStep, FAILED_STEP),
    detail: check.text("detail", request.detail, DETAIL),
    reason: readRefundReason(check, request),
  };
  check.done();
  return { input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

function readTarget(
  check: FieldCheck,
  { target, userId: givenUserId }: RefundQuotaRequest,
): RefundRequest["target"] {
  const userId = ifGiven(givenUserId, (id) => check.userId("user_id", id));
  switch (target?.$case) {
    case "taskId":
      return { taskId: check.taskId("task_id", target.value), userId };
    case "reservationId":
      return { reservationId: check.reservationId("reservation_id", target.value) };
    case undefined:
    default:
      check.refuse("target", "is required: reservation_id or task_id");
      return { reservationId: "" as ReservationId };
  }
}

/**
 * Who gives no fault of the system but says that the user is unhappy hears that this is never a
 * reason, and not only that one is missing.
 */
function readRefundReason(
  check: FieldCheck,
  { reason, detail, failedStep }: RefundQuotaRequest,
): RefundRequest["reason"] {
  const isOpinion = (words: string) => isSubjective(words.slice(0, DETAIL.max));
  if (reason === 0 && (isOpinion(detail) || isOpinion(failedStep))) return "SUBJECTIVE";
  return check.oneOf("reason", REFUND_REASONS, reason);
}

export function parseExtend(
  request: ExtendReservationRequest,
  caller: Caller,
): Command<ExtendReservation> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    reservationId: check.reservationId("reservation_id", request.reservationId),
    ttlMs: check.durationMs("ttl", request.ttl, TTL, TTL_DEFAULT_MS),
  };
  check.done();
  return { input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

export function parseGrant(request: GrantQuotaRequest, caller: Caller): Command<GrantQuota> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    userId: check.userId("user_id", request.userId),
    source: readSource(check, request.source),
  };
  check.done();
  return { input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

function readSource(check: FieldCheck, source: GrantQuotaRequest["source"]): GrantQuota["source"] {
  switch (source?.$case) {
    case "orderId":
      return { kind: "ORDER", id: check.sourceId("order_id", source.value) };
    case "campaignId":
      return { kind: "CAMPAIGN", id: check.sourceId("campaign_id", source.value) };
    case "approvalId":
      return { kind: "ADJUSTMENT", id: check.sourceId("approval_id", source.value) };
    case undefined:
    default:
      check.refuse("source", "is required: order_id, campaign_id or approval_id");
      return { kind: "ORDER", id: "" };
  }
}

export function parseCheck(request: CheckQuotaRequest): CheckQuota {
  const check = new FieldCheck();
  const input = {
    userId: check.userId("user_id", request.userId),
    featureId: check.featureId("feature_id", request.featureId),
    quantity: check.int("quantity", request.quantity, QUANTITY, 1),
  };
  check.done();
  return input;
}

/** For requests that name nothing but a reservation. */
export function parseReservationId(request: { readonly reservationId: string }): ReservationId {
  const check = new FieldCheck();
  const reservationId = check.reservationId("reservation_id", request.reservationId);
  check.done();
  return reservationId;
}

/** For requests that name nothing but a user. */
export function parseUserId(request: { readonly userId: string }): UserId {
  const check = new FieldCheck();
  const userId = check.userId("user_id", request.userId);
  check.done();
  return userId;
}
