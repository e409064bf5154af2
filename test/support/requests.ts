/** Requests that are right in every field, for tests to change one thing of. */
import type { Duration } from "../../src/gen/google/protobuf/duration.ts";
import {
  BatchReserveQuotaRequest,
  CommitQuotaRequest,
  ExtendReservationRequest,
  RefundQuotaRequest,
  ReserveQuotaRequest,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import { RefundReason } from "../../src/gen/billing/quota/v1/quota.ts";
import { PLAIN_FEATURE, unique } from "./bank.ts";

type Change<Message> = Partial<Message>;

export function reserveOf(
  userId: string,
  change: Change<ReserveQuotaRequest> = {},
): ReserveQuotaRequest {
  return {
    ...ReserveQuotaRequest.fromPartial({
      idempotencyKey: unique("key"),
      userId,
      featureId: PLAIN_FEATURE,
      taskId: unique("task"),
    }),
    ...change,
  };
}

export function batchOf(
  userId: string,
  change: Change<BatchReserveQuotaRequest> = {},
): BatchReserveQuotaRequest {
  return {
    ...BatchReserveQuotaRequest.fromPartial({
      idempotencyKey: unique("key"),
      userId,
      taskId: unique("task"),
      lines: [{ featureId: PLAIN_FEATURE }, { featureId: PLAIN_FEATURE, quantity: 2 }],
    }),
    ...change,
  };
}

export function commitOf(
  reservationId: string,
  change: Change<CommitQuotaRequest> = {},
): CommitQuotaRequest {
  return {
    ...CommitQuotaRequest.fromPartial({ idempotencyKey: unique("key"), reservationId }),
    ...change,
  };
}

/** A refund of one hold, since a step failed. */
export function refundOf(
  reservationId: string,
  change: Change<RefundQuotaRequest> = {},
): RefundQuotaRequest {
  return {
    ...RefundQuotaRequest.fromPartial({
      idempotencyKey: unique("key"),
      target: { $case: "reservationId", value: reservationId },
      reason: RefundReason.STEP_FAILED,
    }),
    ...change,
  };
}

export function extendOf(
  reservationId: string,
  change: Change<ExtendReservationRequest> = {},
): ExtendReservationRequest {
  return {
    ...ExtendReservationRequest.fromPartial({ idempotencyKey: unique("key"), reservationId }),
    ...change,
  };
}

export function seconds(count: number): Duration {
  return { seconds: BigInt(count), nanos: 0 };
}
