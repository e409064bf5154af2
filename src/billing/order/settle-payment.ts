/**
 * Books money that came in, by whatever way it became known, and gives what was bought for it: in one
 * transaction, once. Money that can't be granted is booked too, and goes back or waits for a person.
 */
import type { OrderId, PaymentId, RefundId } from "../id.ts";
import { givePurchase } from "../membership/purchase.ts";
import { plainAnswers } from "../quota/answers.ts";
import type { Decision, Desk, UseCase } from "../quota/desk.ts";
import { NO_EFFECTS } from "../quota/posting.ts";
import { assert } from "../refusal.ts";
import type { Trade } from "./gateway.ts";
import { fileOf, moveOrder, moveRefund, orderEvent, together } from "./moves.ts";
import {
  isOpen,
  type Order,
  type OrderFile,
  type Payment,
  type Refund,
  type Source,
} from "./order.ts";

export interface SettlePayment {
  readonly orderId: OrderId;
  /** A trade that says it is paid: SUCCESS, or REFUND of something that was. */
  readonly trade: Trade;
  readonly source: Source;
}

export type Settled =
  /** What was bought is given. */
  | "granted"
  /** This payment was booked before. */
  | "known"
  /** It goes back: it came twice, or after the order was closed. */
  | "returned"
  /** It contradicts the order: a person decides. */
  | "quarantined";

export interface SettledAnswer {
  readonly settled: Settled;
  /** The refund that sends it back. */
  readonly refundId: RefundId | null;
}

export const settlePayment: UseCase<SettlePayment, SettledAnswer> = {
  method: "SettlePayment",
  needs: ({ orderId }) => ({ orderId }),
  content: ({ orderId }) => ({ order_id: orderId }),
  decide(desk, { orderId, trade, source }) {
    const file = fileOf(desk, orderId);
    const transactionId = trade.transactionId ?? "";
    assert(
      transactionId !== "" && trade.successTimeMs !== null,
      "a paid trade has its number and time",
    );
    if (file.payments.some((payment) => payment.transactionId === transactionId)) {
      return { effects: NO_EFFECTS, answer: () => ({ settled: "known", refundId: null }) };
    }
    const fault = contradiction(file.order, trade);
    if (fault !== null) return quarantine(desk, file, trade, source, fault);
    if (isOpen(file.order)) return grant(desk, file, trade, source);
    if (file.order.state === "CLOSED" && trade.successTimeMs <= (file.order.closeTimeMs ?? 0)) {
      // The payer was faster than the closing: what was bought is given.
      return grant(desk, file, trade, source);
    }
    const why =
      file.order.state === "CLOSED" ? "the order was closed" : "the order was paid before";
    return sendBack(desk, file, trade, source, why);
  },
  answers: plainAnswers(),
};

/** What of a trade isn't what was ordered; null when all is. */
function contradiction(order: Order, trade: Trade): string | null {
  if (trade.currency !== "CNY") return `the currency is ${trade.currency ?? "not given"}`;
  if (trade.totalFen !== order.amountFen) {
    return `the amount is ${trade.totalFen ?? "not given"} fen, the order's ${order.amountFen}`;
  }
  if (trade.state !== "SUCCESS" && order.paymentId === null) {
    return `the payment is in state ${trade.state} before it was booked here`;
  }
  return null;
}

function paymentOf(
  desk: Desk,
  { order }: OrderFile,
  trade: Trade,
  source: Source,
  more: Pick<Payment, "disposition" | "note">,
): Payment {
  return {
    paymentId: desk.newId("pay") as PaymentId,
    orderId: order.orderId,
    userId: order.userId,
    transactionId: trade.transactionId!,
    amountFen: trade.totalFen ?? 0n,
    currency: trade.currency ?? "",
    payTimeMs: trade.successTimeMs!,
    source,
    createTimeMs: desk.nowMs,
    ...more,
  };
}

function grant(desk: Desk, file: OrderFile, trade: Trade, source: Source): Decision<SettledAnswer> {
  const { order } = file;
  const payment = paymentOf(desk, file, trade, source, { disposition: "GRANTED", note: "" });
  const given = givePurchase(desk, order.orderId, order.product, order.quantity, source);
  const note = order.state === "CLOSED" ? "paid before it was closed" : "paid";
  const moved = moveOrder(
    desk,
    order,
    {
      state: "PAID",
      prepay: null,
      payTimeMs: trade.successTimeMs,
      closeTimeMs: null,
      paymentId: payment.paymentId,
      grantedAmount: given.grantedAmount,
      membershipStartMs: given.membershipStartMs,
      membershipEndMs: given.membershipEndMs,
      nextCheckMs: null,
    },
    { source, note },
  );
  const event = orderEvent("order.paid", moved.order, {
    granted_amount: Number(given.grantedAmount),
    pay_time: timeText(trade.successTimeMs),
    membership_end_time: timeText(given.membershipEndMs),
  });
  const own = { orders: [moved.order], payments: [payment], steps: [moved.step], events: [event] };
  return {
    effects: together(given.effects, own),
    answer: () => ({ settled: "granted", refundId: null }),
  };
}

function quarantine(
  desk: Desk,
  file: OrderFile,
  trade: Trade,
  source: Source,
  note: string,
): Decision<SettledAnswer> {
  const payment = paymentOf(desk, file, trade, source, { disposition: "QUARANTINED", note });
  const facts = { payment_id: payment.paymentId, paid_fen: Number(payment.amountFen), why: note };
  const event = orderEvent("payment.quarantined", file.order, facts);
  return {
    effects: together({ payments: [payment], events: [event] }),
    answer: () => ({ settled: "quarantined", refundId: null }),
  };
}

function sendBack(
  desk: Desk,
  file: OrderFile,
  trade: Trade,
  source: Source,
  note: string,
): Decision<SettledAnswer> {
  const payment = paymentOf(desk, file, trade, source, { disposition: "RETURNED", note });
  const moved = moveRefund(
    desk,
    refundOf(desk, payment),
    { state: "REQUESTED", nextCheckMs: desk.nowMs },
    { source: "CLOCK", note },
  );
  const facts = { payment_id: payment.paymentId, refund_id: moved.refund.refundId, why: note };
  const event = orderEvent("payment.returned", file.order, facts);
  return {
    effects: together({
      payments: [payment],
      refunds: [moved.refund],
      steps: [moved.step],
      events: [event],
    }),
    answer: () => ({ settled: "returned", refundId: moved.refund.refundId }),
  };
}

/** What the payer reads beside money that comes back by itself. */
const RETURN_REASON = "重复支付或订单已关闭";

function refundOf(desk: Desk, { orderId, userId, paymentId, amountFen }: Payment): Refund {
  return {
    refundId: desk.newId("rfd") as RefundId,
    orderId,
    userId,
    paymentId,
    amountFen,
    reason: RETURN_REASON,
    automatic: true,
    createTimeMs: desk.nowMs,
    state: "REQUESTED",
    revokedAmount: 0n,
    revocation: "",
    providerRefundId: null,
    successTimeMs: null,
    obstacle: "",
    steps: 0,
    nextCheckMs: null,
    checks: 0,
  };
}

/** RFC 3339; null stays null. */
export function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
