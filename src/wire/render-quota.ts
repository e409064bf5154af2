/** Quota as the contract shows it. */
import type { UserId } from "../billing/id.ts";
import type { Balance } from "../billing/quota/account.ts";
import type { ExplainReservationAnswer } from "../billing/quota/explain-reservation.ts";
import type { Lot } from "../billing/quota/lot.ts";
import type { LoggedRow } from "../billing/quota/reader.ts";
import type { RefundQuotaAnswer } from "../billing/quota/refund-quota.ts";
import type { Reservation } from "../billing/quota/reservation.ts";
import type { BatchReserveQuotaAnswer } from "../billing/quota/reserve-quota.ts";
import type { ReservationAnswer } from "../billing/quota/settled.ts";
import type { Served } from "../billing/quota/teller.ts";
import type { Refusal } from "../billing/refusal.ts";
import * as wire from "../gen/billing/quota/v1/quota.ts";
import type {
  BatchReserveQuotaResponse,
  ExplainReservationResponse,
  RefundQuotaResponse,
  RefusalDetail,
  ReserveQuotaResponse,
} from "../gen/billing/quota/v1/quota_service.ts";
import { durationOf } from "./status.ts";

export function reservation(held: Reservation): wire.Reservation {
  return {
    reservationId: held.reservationId,
    userId: held.userId,
    featureId: held.featureId,
    taskId: held.taskId,
    quantity: held.quantity,
    amount: held.amount,
    committedAmount: held.committedAmount,
    refundedAmount: held.refundedAmount,
    state: wire.Reservation_State[held.state],
    eligibleForRefund: held.eligibleForRefund,
    allocations: held.allocations.map(({ grantId, amount }) => ({ grantId, amount })),
    featureVersion: held.featureVersion,
    unitCost: held.unitCost,
    labels: new Map(Object.entries(held.labels)),
    createTime: new Date(held.createTimeMs),
    expireTime: new Date(held.expireTimeMs),
    commitTime: time(held.commitTimeMs),
    refundTime: time(held.refundTimeMs),
    refundReason: held.refundReason ?? "",
    failedStep: held.failedStep,
    refundDetail: held.refundDetail,
  };
}

export function balance(userId: UserId, has: Balance): wire.Balance {
  return {
    userId,
    available: has.available,
    held: has.held,
    nextExpireTime: time(has.nextExpireTimeMs),
    nextExpireAmount: has.nextExpireAmount,
  };
}

export function grant(lot: Lot): wire.Grant {
  return {
    grantId: lot.grantId,
    userId: lot.userId,
    amount: lot.amount,
    remaining: lot.remaining,
    priority: lot.priority,
    effectiveTime: new Date(lot.effectiveTimeMs),
    expireTime: time(lot.expireTimeMs),
    sourceKind: lot.sourceKind,
    sourceId: lot.sourceId,
    state: wire.Grant_State[lot.state],
    createTime: new Date(lot.createTimeMs),
  };
}

export function quotaLog(row: LoggedRow): wire.QuotaLog {
  return {
    logId: `${row.operationId}/${row.line}`,
    userId: row.userId,
    sequence: row.sequence,
    type: wire.QuotaLog_Type[row.type],
    grantId: row.grantId ?? "",
    reservationId: row.reservationId ?? "",
    availableChange: row.available,
    heldChange: row.held,
    availableAfter: row.availableAfter,
    heldAfter: row.heldAfter,
    grantRemainingAfter: row.grantRemainingAfter,
    description: row.description,
    method: row.method,
    caller: row.caller,
    createTime: new Date(row.createTimeMs),
  };
}

/** The answer to a reserve or a commit. */
export function settled({ answer, replayed }: Served<ReservationAnswer>): ReserveQuotaResponse {
  return {
    reservation: reservation(answer.reservation),
    balance: balance(answer.reservation.userId, answer.balance),
    replayed,
  };
}

export function batch(
  userId: UserId,
  { answer, replayed }: Served<BatchReserveQuotaAnswer>,
): BatchReserveQuotaResponse {
  return {
    reservations: answer.reservations.map(reservation),
    balance: balance(userId, answer.balance),
    replayed,
  };
}

/** The answer to a refund; what had come back before this call is a replay, whatever its key. */
export function refunded({ answer, replayed }: Served<RefundQuotaAnswer>): RefundQuotaResponse {
  const reservations = answer.reservations.map(reservation);
  return {
    reservation: reservations[0],
    balance: balance(answer.reservations[0]!.userId, answer.balance),
    replayed: replayed || answer.alreadyRefunded,
    reservations,
  };
}

export function explained(answer: ExplainReservationAnswer): ExplainReservationResponse {
  return {
    reservation: reservation(answer.reservation),
    rules: answer.rules.map((rule) => ({ ...rule })),
    grants: answer.grants.map(grant),
    logs: answer.logs.map(quotaLog),
  };
}

/** A refusal as data: what the error would say. */
export function refusalDetail({ reason, message, facts, retryAfterMs }: Refusal): RefusalDetail {
  return {
    reason,
    message,
    metadata: new Map(Object.entries(facts)),
    retryDelay: retryAfterMs === undefined ? undefined : durationOf(retryAfterMs),
  };
}

/** A time that may never have come. */
export function time(ms: number | null): Date | undefined {
  return ms === null ? undefined : new Date(ms);
}
