/** RefundOrder, whole, and what follows: a refund is sent, and asked about, until it has ended. */
import type { RefundId } from "../id.ts";
import type { Command } from "../quota/desk.ts";
import { Refusal } from "../refusal.ts";
import {
  asking,
  known,
  knownRefund,
  ourselves,
  paymentRefused,
  type CashierParts,
} from "./asking.ts";
import type { PaymentGateway, RefundAnswer } from "./gateway.ts";
import { noteObstacle } from "./note-obstacle.ts";
import type { Order, Refund } from "./order.ts";
import { requestRefund, type RequestRefund } from "./request-refund.ts";
import { settleRefund } from "./settle-refund.ts";

export interface PaidBack {
  readonly refund: Refund;
  readonly order: Order;
  readonly replayed: boolean;
}

export function refunding(parts: CashierParts) {
  const { teller, reader, gateway } = parts;

  /**
   * RefundOrder. The refund stands once it is decided; the provider is told at once, and again by the
   * checker where it could not be.
   * @throws Refusal as requestRefund
   */
  const refundOrder = async (
    command: Command<RequestRefund>,
    signal?: AbortSignal,
  ): Promise<PaidBack> => {
    const { orderId } = command.input;
    const { order } = await known(reader, orderId);
    const { answer, replayed } = await teller.submit(requestRefund, command, order.userId, signal);
    if (command.validateOnly && answer.refund && answer.order) {
      return { refund: answer.refund, order: answer.order, replayed };
    }
    if (!replayed) await trySend(parts, answer.refundId, signal);
    const refund = await knownRefund(reader, answer.refundId);
    return { refund, order: (await known(reader, orderId)).order, replayed };
  };

  /** Sends a refund that the provider hasn't confirmed, or asks how one is going. Always the same number. */
  const pursueRefund = async (refundId: RefundId, signal?: AbortSignal): Promise<void> => {
    const refund = await knownRefund(reader, refundId);
    if (refund.state === "REQUESTED") return sendRefund(parts, refund, signal);
    if (refund.state === "SUCCEEDED" || refund.state === "CLOSED") return;
    await hear(parts, refund, await asking(() => gateway.queryRefund(refundId, signal)));
  };

  /** Pays an abnormal refund out by another way. */
  const applyAbnormal = async (
    refundId: RefundId,
    receiver: Pick<
      Parameters<PaymentGateway["applyAbnormalRefund"]>[0],
      "type" | "bankType" | "bankAccount" | "realName"
    >,
    validateOnly: boolean,
    signal?: AbortSignal,
  ): Promise<void> => {
    const refund = await knownRefund(reader, refundId);
    const { state, providerRefundId } = refund;
    if (state !== "ABNORMAL" || providerRefundId === null) {
      const message = `the refund is ${state}`;
      throw new Refusal("REFUND_NOT_ABNORMAL", message, { refundId, state });
    }
    if (validateOnly) return;
    const request = { providerRefundId, outRefundNo: refundId, ...receiver };
    const answer = await asking(() => gateway.applyAbnormalRefund(request, signal));
    if (answer.kind === "refused") throw paymentRefused(answer.code, answer.message);
    if (answer.kind !== "refund") throw paymentRefused(answer.kind.toUpperCase(), answer.message);
    await hear(parts, refund, answer);
  };
  return { refundOrder, pursueRefund, applyAbnormal };
}

/** What fails now is done by the checker: the refund stands. */
export async function trySend(
  parts: CashierParts,
  refundId: RefundId,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await sendRefund(parts, await knownRefund(parts.reader, refundId), signal);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

async function sendRefund(
  parts: CashierParts,
  refund: Refund,
  signal?: AbortSignal,
): Promise<void> {
  const { payments } = await known(parts.reader, refund.orderId);
  const payment = payments.find(({ paymentId }) => paymentId === refund.paymentId)!;
  const answer = await asking(() =>
    parts.gateway.refund(
      {
        outRefundNo: refund.refundId,
        transactionId: payment.transactionId,
        amountFen: refund.amountFen,
        totalFen: payment.amountFen,
        reason: refund.reason,
      },
      signal,
    ),
  );
  await hear(parts, refund, answer.kind === "refused" ? await ifThere(parts, refund, answer, signal) : answer);
}

/**
 * A number that the provider refuses may be one that it took before, when its answer was lost and a setting
 * has changed since: then the refund is under way, whatever it says about this request.
 */
async function ifThere(
  { gateway }: CashierParts,
  { refundId }: Refund,
  refused: RefundAnswer,
  signal?: AbortSignal,
): Promise<RefundAnswer> {
  const asked = await asking(() => gateway.queryRefund(refundId, signal));
  return asked.kind === "refund" ? asked : refused;
}

/** Books the provider's answer about a refund. */
async function hear(parts: CashierParts, refund: Refund, answer: RefundAnswer): Promise<void> {
  const { refundId, orderId, userId } = refund;
  if (answer.kind === "refund") {
    const input = { orderId, refundId, trade: answer.refund, source: "QUERY" } as const;
    const { answer: heard } = await ourselves(parts, settleRefund, input, userId);
    // Not done yet: it is asked about again, ever more rarely.
    if (heard.settled === "known") await noteAbout(parts, refund, "", false);
    return;
  }
  const isFinal = answer.kind === "refused" || answer.kind === "unknown";
  await noteAbout(parts, refund, obstacleOf(answer), isFinal);
}

function obstacleOf(answer: Exclude<RefundAnswer, { kind: "refund" }>): string {
  switch (answer.kind) {
    case "not-enough":
      return `NOT_ENOUGH: ${answer.message}`;
    case "later":
      return "";
    case "unknown":
      return `RESOURCE_NOT_EXISTS: ${answer.message}`;
    case "refused":
      return `${answer.code}: ${answer.message}`;
    default:
      return answer satisfies never;
  }
}

async function noteAbout(
  parts: CashierParts,
  { refundId, orderId, userId }: Refund,
  obstacle: string,
  isFinal: boolean,
): Promise<void> {
  await ourselves(parts, noteObstacle, { orderId, refundId, obstacle, isFinal }, userId);
}
