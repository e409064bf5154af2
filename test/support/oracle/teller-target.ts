/** A teller in this process as the oracle's target. */
import type { ReservationId, UserId, FeatureId, TaskId } from "../../../src/billing/id.ts";
import { commitQuota } from "../../../src/billing/quota/commit-quota.ts";
import type { UseCase } from "../../../src/billing/quota/desk.ts";
import { extendReservation } from "../../../src/billing/quota/extend-reservation.ts";
import { refundQuota } from "../../../src/billing/quota/refund-quota.ts";
import type { Reservation } from "../../../src/billing/quota/reservation.ts";
import { reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import type { Served, Teller } from "../../../src/billing/quota/teller.ts";
import { Refusal } from "../../../src/billing/refusal.ts";
import { command } from "../bank.ts";
import type { Answer, AnsweredReservation, QuotaRequest, Reply, Target } from "./requests.ts";

/** @param refund the use case behind RefundQuota: the right one, or one with a planted bug */
export function tellerTarget(name: string, teller: Teller, refund = refundQuota): Target {
  return {
    name,
    async send(request) {
      try {
        return await submit(teller, request, refund);
      } catch (fault) {
        return replyOf(fault);
      }
    },
  };
}

interface QuotaAnswer {
  readonly balance: { readonly available: bigint; readonly held: bigint };
  readonly reservation?: Reservation;
  readonly reservations?: readonly Reservation[];
}

async function submit(
  teller: Teller,
  request: QuotaRequest,
  refund: typeof refundQuota,
): Promise<Answer> {
  const send = async <Input, More extends QuotaAnswer>(
    useCase: UseCase<Input, More>,
    input: Input,
    userId?: string,
  ): Promise<Answer> => {
    const asked = command(input, { key: request.key });
    return answerOf(await teller.submit(useCase, asked, userId as UserId | undefined));
  };
  const named = "reservationId" in request ? request.reservationId : undefined;
  const reservationId = named as ReservationId;
  switch (request.method) {
    case "ReserveQuota": {
      const { userId, quantity, ttlMs } = request;
      const featureId = request.featureId as FeatureId;
      const taskId = request.taskId as TaskId;
      const input = { userId: userId as UserId, featureId, taskId, quantity, ttlMs, labels: {} };
      return send(reserveQuota, input, userId);
    }
    case "CommitQuota": {
      const { actualAmount } = request;
      const actual = actualAmount === null ? null : BigInt(actualAmount);
      return send(commitQuota, { reservationId, actualAmount: actual });
    }
    case "RefundQuota": {
      const { target, reason, failedStep } = request;
      const addressed = target as Parameters<typeof refundQuota.content>[0]["target"];
      const input = { target: addressed, reason, failedStep, detail: "" };
      return send(refund, input, "taskId" in target ? target.userId : undefined);
    }
    case "ExtendReservation":
    default:
      return send(extendReservation, { reservationId, ttlMs: request.ttlMs });
  }
}

function answerOf({ answer, replayed }: Served<QuotaAnswer>): Answer {
  const reservations = answer.reservations ?? [answer.reservation!];
  const { available, held } = answer.balance;
  return {
    outcome: "ok",
    replayed,
    reservations: reservations.map(answered),
    balance: { available: Number(available), held: Number(held) },
  };
}

function answered(reservation: Reservation): AnsweredReservation {
  const { reservationId, userId, featureId, taskId, quantity, state, expireTimeMs } = reservation;
  return {
    reservationId,
    userId,
    featureId,
    taskId,
    quantity,
    amount: Number(reservation.amount),
    committedAmount: Number(reservation.committedAmount),
    refundedAmount: Number(reservation.refundedAmount),
    state,
    allocations: reservation.allocations.map(({ grantId, amount }) => [grantId, Number(amount)]),
    expireTimeMs,
  };
}

function replyOf(fault: unknown): Reply {
  if (!(fault instanceof Refusal)) return { outcome: "broken", why: String(fault) };
  if (fault.reason !== "DATABASE_UNAVAILABLE") return { outcome: "refused", reason: fault.reason };
  return { outcome: "unknown", why: fault.message };
}
