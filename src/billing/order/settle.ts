/** Books what the provider says, asked or not. */
import type { OrderId, RefundId } from "../id.ts";
import {
  asking,
  known,
  knownRefund,
  ourselves,
  paymentRefused,
  type CashierParts,
} from "./asking.ts";
import type { RefundTrade, Trade } from "./gateway.ts";
import type { Source } from "./order.ts";
import { trySend } from "./pay-back.ts";
import { settlePayment, type Settled } from "./settle-payment.ts";
import { settleRefund, type RefundSettled } from "./settle-refund.ts";

export interface TradeSeen {
  /** The provider's state, or UNKNOWN. */
  readonly tradeState: string;
  /** What was made of a payment; null when there is none. */
  readonly settled: Settled | null;
}

export function settling(parts: CashierParts) {
  const { reader, gateway } = parts;

  /** Books a trade that somebody told of. @throws Refusal ORDER_NOT_FOUND */
  const settleTrade = async (
    orderId: OrderId,
    trade: Trade,
    source: Source,
  ): Promise<Settled | null> => {
    const isPaid = trade.state === "SUCCESS" || trade.state === "REFUND";
    if (!isPaid || trade.transactionId === null || trade.successTimeMs === null) return null;
    const { order } = await known(reader, orderId);
    const { answer } = await ourselves(
      parts,
      settlePayment,
      { orderId, trade, source },
      order.userId,
    );
    if (answer.refundId !== null) await trySend(parts, answer.refundId);
    return answer.settled;
  };

  /** Asks the provider and books what it says. @throws Refusal ORDER_NOT_FOUND, PAYMENT_UNAVAILABLE */
  const settle = async (
    orderId: OrderId,
    source: Source,
    signal?: AbortSignal,
  ): Promise<TradeSeen> => {
    await known(reader, orderId);
    const answer = await asking(() => gateway.queryTrade(orderId, signal));
    if (answer.kind === "unknown") return { tradeState: "UNKNOWN", settled: null };
    if (answer.kind === "refused") throw paymentRefused(answer.code, answer.message);
    const settled = await settleTrade(orderId, answer.trade, source);
    return { tradeState: answer.trade.state, settled };
  };

  /** Asks the provider and books nothing. @throws Refusal as settle */
  const look = async (orderId: OrderId, signal?: AbortSignal): Promise<TradeSeen> => {
    await known(reader, orderId);
    const answer = await asking(() => gateway.queryTrade(orderId, signal));
    if (answer.kind === "refused") throw paymentRefused(answer.code, answer.message);
    const tradeState = answer.kind === "unknown" ? "UNKNOWN" : answer.trade.state;
    return { tradeState, settled: null };
  };

  /** Books what somebody told of a refund; that it's closed is believed only when the provider is asked. */
  const settleRefundTrade = async (
    refundId: RefundId,
    trade: RefundTrade,
    source: Source,
    signal?: AbortSignal,
  ): Promise<RefundSettled["settled"]> => {
    const { orderId, userId } = await knownRefund(reader, refundId);
    const asked =
      trade.status === "CLOSED" && source === "CALLBACK"
        ? await asking(() => gateway.queryRefund(refundId, signal))
        : ({ kind: "refund", refund: trade } as const);
    if (asked.kind !== "refund") return "known";
    const input = { orderId, refundId, trade: asked.refund, source };
    const { answer } = await ourselves(parts, settleRefund, input, userId);
    return answer.settled;
  };
  return { look, settle, settleTrade, settleRefundTrade };
}
