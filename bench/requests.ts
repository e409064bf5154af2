/** Requests as callers make them: tasks have random ids, and keys are those of our own client. */
import { randomUUID } from "node:crypto";
import { reserveKey } from "../src/client/keys.ts";
import { RefundReason } from "../src/gen/billing/quota/v1/quota.ts";
import type {
  CommitQuotaRequest,
  RefundQuotaRequest,
  ReserveQuotaRequest,
} from "../src/gen/billing/quota/v1/quota_service.ts";
import { ATTEMPT, FEATURE_ID } from "./books.ts";

/** A hold must not expire while the books are still to be checked: the longest there is, a day. */
const TTL = { seconds: 86_400n, nanos: 0 };

export function reserveRequest(userId: string): ReserveQuotaRequest {
  const taskId = randomUUID();
  return {
    idempotencyKey: reserveKey({ userId, taskId, featureId: FEATURE_ID, attempt: ATTEMPT }),
    userId,
    featureId: FEATURE_ID,
    taskId,
    quantity: undefined,
    ttl: TTL,
    labels: new Map(),
    validateOnly: false,
  };
}

export function commitRequest(reservationId: string): CommitQuotaRequest {
  const idempotencyKey = randomUUID();
  return { idempotencyKey, reservationId, actualAmount: undefined, validateOnly: false };
}

export function refundRequest(reservationId: string): RefundQuotaRequest {
  return {
    idempotencyKey: randomUUID(),
    target: { $case: "reservationId", value: reservationId },
    reason: RefundReason.STEP_FAILED,
    failedStep: "render",
    detail: "",
    userId: "",
    validateOnly: false,
  };
}
