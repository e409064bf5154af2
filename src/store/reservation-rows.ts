/** Rows of `quota_reservations` and reservations, each way. */
import type { FeatureId, ReservationId, TaskId, UserId } from "../billing/id.ts";
import { readAllocation, storeAllocation } from "../billing/quota/answers.ts";
import type {
  DecisionTrace,
  RefundReason,
  Reservation,
  ReservationState,
} from "../billing/quota/reservation.ts";
import {
  ID,
  TIME,
  WORD,
  msOrNull,
  timeOrNull,
  timeText,
  toBigInt,
  toMs,
  type Cell,
  type ColumnTypes,
  type HotTable,
  type Row,
} from "./cell.ts";

export const RESERVATIONS: HotTable = {
  name: "quota_reservations",
  columns: [
    "reservation_id",
    "user_id",
    "feature_id",
    "feature_version",
    "task_id",
    "quantity",
    "unit_cost",
    "amount",
    "committed_amount",
    "refunded_amount",
    "state",
    "eligible_for_refund",
    "refunded",
    "allocations",
    "labels",
    "counts_for_limits",
    "decision",
    "create_time",
    "expire_time",
    "commit_time",
    "refund_time",
    "refund_reason",
    "failed_step",
    "refund_detail",
  ],
};

export const RESERVATION_KEY: ColumnTypes = { reservation_id: ID };

export const RESERVATION_COLUMNS: ColumnTypes = {
  committed_amount: "bigint",
  refunded_amount: "bigint",
  state: WORD,
  eligible_for_refund: "int",
  refunded: "int",
  allocations: "mediumtext",
  counts_for_limits: "int",
  expire_time: TIME,
  commit_time: TIME,
  refund_time: TIME,
  refund_reason: "varchar(32)",
  failed_step: "varchar(255)",
  refund_detail: "varchar(1000)",
};

export function reservationCells(reservation: Reservation): Cell[] {
  return [
    reservation.reservationId,
    reservation.userId,
    reservation.featureId,
    reservation.featureVersion,
    reservation.taskId,
    reservation.quantity,
    reservation.unitCost,
    reservation.amount,
    reservation.committedAmount,
    reservation.refundedAmount,
    reservation.state,
    reservation.eligibleForRefund,
    reservation.state === "REFUNDED",
    JSON.stringify(reservation.allocations.map(storeAllocation)),
    JSON.stringify(reservation.labels),
    reservation.countsForLimits,
    decisionText(reservation.decision),
    timeText(reservation.createTimeMs),
    timeText(reservation.expireTimeMs),
    timeOrNull(reservation.commitTimeMs),
    timeOrNull(reservation.refundTimeMs),
    reservation.refundReason,
    reservation.failedStep,
    reservation.refundDetail,
  ];
}

export function reservationChange(reservation: Reservation): Cell[] {
  return [
    reservation.reservationId,
    reservation.committedAmount,
    reservation.refundedAmount,
    reservation.state,
    reservation.eligibleForRefund,
    reservation.state === "REFUNDED",
    JSON.stringify(reservation.allocations.map(storeAllocation)),
    reservation.countsForLimits,
    timeText(reservation.expireTimeMs),
    timeOrNull(reservation.commitTimeMs),
    timeOrNull(reservation.refundTimeMs),
    reservation.refundReason,
    reservation.failedStep,
    reservation.refundDetail,
  ];
}

export function readReservation(row: Row): Reservation {
  return {
    reservationId: row["reservation_id"] as ReservationId,
    userId: row["user_id"] as UserId,
    featureId: row["feature_id"] as FeatureId,
    featureVersion: Number(row["feature_version"]),
    taskId: row["task_id"] as TaskId,
    quantity: Number(row["quantity"]),
    unitCost: toBigInt(row["unit_cost"]),
    amount: toBigInt(row["amount"]),
    committedAmount: toBigInt(row["committed_amount"]),
    refundedAmount: toBigInt(row["refunded_amount"]),
    state: row["state"] as ReservationState,
    eligibleForRefund: Boolean(row["eligible_for_refund"]),
    allocations: JSON.parse(row["allocations"] as string).map(readAllocation),
    labels: JSON.parse(row["labels"] as string),
    countsForLimits: Boolean(row["counts_for_limits"]),
    decision: readDecision(row["decision"] as string),
    createTimeMs: toMs(row["create_time"]),
    expireTimeMs: toMs(row["expire_time"]),
    commitTimeMs: msOrNull(row["commit_time"]),
    refundTimeMs: msOrNull(row["refund_time"]),
    refundReason: row["refund_reason"] as RefundReason | null,
    failedStep: row["failed_step"] as string,
    refundDetail: row["refund_detail"] as string,
  };
}

/** `available, membership end` and, for a limited feature, `last hour, last day, in flight, last start`. */
function decisionText({ available, membershipUntilMs, usage }: DecisionTrace): string {
  const used = usage && [usage.lastHour, usage.lastDay, usage.inFlight, usage.lastStartMs];
  return JSON.stringify([Number(available), membershipUntilMs, ...(used ?? [])]);
}

function readDecision(text: string): DecisionTrace {
  const [available, membershipUntilMs, lastHour, lastDay, inFlight, lastStartMs] = JSON.parse(text);
  const usage = lastHour === undefined ? null : { lastHour, lastDay, inFlight, lastStartMs };
  return { available: BigInt(available), membershipUntilMs, usage };
}
