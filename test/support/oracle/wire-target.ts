/** A service behind its gRPC as the oracle's target. Each attempt is one call: none is repeated. */
import { Client, credentials, status as Code } from "@grpc/grpc-js";
import { toBillingError } from "../../../src/client/errors.ts";
import {
  stateName,
  toCommitRequest,
  toExtendRequest,
  toRefundRequest,
  toReserveRequest,
} from "../../../src/client/requests.ts";
import type { Balance, Reservation } from "../../../src/gen/billing/quota/v1/quota.ts";
import { QuotaServiceService as Quota } from "../../../src/gen/billing/quota/v1/quota_service.ts";
import { headersOf, type UnaryMethod } from "../calls.ts";
import type { Answer, AnsweredReservation, QuotaRequest, Reply, Target } from "./requests.ts";

export interface WireTargetOptions {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly token: string;
  /** How long one call may take. */
  readonly deadlineMs: number;
}

export interface WireTarget extends Target {
  close(): void;
}

/** Codes with which nobody says what became of the call. */
const OPEN_CODES: ReadonlySet<Code> = new Set([
  Code.UNAVAILABLE,
  Code.DEADLINE_EXCEEDED,
  Code.CANCELLED,
]);
/** Reasons with which the service itself says that it doesn't know. */
const OPEN_REASONS: ReadonlySet<string> = new Set([
  "DATABASE_UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "CANCELLED",
]);

export function wireTarget({ address, token, deadlineMs }: WireTargetOptions): WireTarget {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 200,
    // Targets of one address share nothing: each is a caller of its own.
    "grpc.use_local_subchannel_pool": 1,
  });
  const call = <Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
  ): Promise<Response> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        headersOf({ token }),
        { deadline: Date.now() + deadlineMs },
        (error, response) => {
          if (error === null) resolve(response!);
          else reject(error);
        },
      );
    });
  return {
    name: address,
    send: (request) => ask(call, request).catch(replyOf),
    close: () => client.close(),
  };
}

type Call = <Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
) => Promise<Response>;

async function ask(call: Call, request: QuotaRequest): Promise<Answer> {
  const idempotencyKey = request.key;
  switch (request.method) {
    case "ReserveQuota": {
      const input = { ...request, idempotencyKey };
      return answerOf(await call(Quota.reserveQuota, toReserveRequest(input)));
    }
    case "CommitQuota": {
      const { reservationId, actualAmount } = request;
      const actual = actualAmount === null ? undefined : BigInt(actualAmount);
      const input = { idempotencyKey, reservationId, actualAmount: actual };
      return answerOf(await call(Quota.commitQuota, toCommitRequest(input)));
    }
    case "RefundQuota": {
      const { target, reason, failedStep } = request;
      const input = { ...target, idempotencyKey, reason, failedStep };
      return answerOf(await call(Quota.refundQuota, toRefundRequest(input)));
    }
    case "ExtendReservation":
    default: {
      const input = { ...request, idempotencyKey };
      return answerOf(await call(Quota.extendReservation, toExtendRequest(input)));
    }
  }
}

interface QuotaResponse {
  readonly reservation?: Reservation | undefined;
  readonly reservations?: readonly Reservation[];
  readonly balance?: Balance | undefined;
  readonly replayed: boolean;
}

function answerOf(response: QuotaResponse): Answer {
  const { reservation, balance, replayed } = response;
  const reservations = reservation ? [reservation] : (response.reservations ?? []);
  return {
    outcome: "ok",
    replayed,
    reservations: reservations.map(answered),
    balance: balance ? { available: Number(balance.available), held: Number(balance.held) } : null,
  };
}

function answered(reservation: Reservation): AnsweredReservation {
  const { reservationId, userId, featureId, taskId, quantity, expireTime } = reservation;
  return {
    reservationId,
    userId,
    featureId,
    taskId,
    quantity,
    amount: Number(reservation.amount),
    committedAmount: Number(reservation.committedAmount),
    refundedAmount: Number(reservation.refundedAmount),
    state: stateName(reservation.state)!,
    allocations: reservation.allocations.map(({ grantId, amount }) => [grantId, Number(amount)]),
    expireTimeMs: expireTime!.getTime(),
  };
}

function replyOf(error: unknown): Reply {
  const { code, reason, message } = toBillingError(error);
  if (reason !== undefined && !OPEN_REASONS.has(reason) && code !== Code.INTERNAL) {
    return { outcome: "refused", reason };
  }
  // A stream that was cut comes as INTERNAL from the library, not from the service.
  const isCut = reason === undefined && code === Code.INTERNAL && /RST_STREAM/.test(message);
  const why = `${Code[code]}: ${message}`;
  return { outcome: OPEN_CODES.has(code) || isCut ? "unknown" : "broken", why };
}
