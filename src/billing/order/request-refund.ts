/** RefundOrder, its decision: what goes back, and what it takes back, before the provider hears of it. */
import type { OrderId, PaymentId, RefundId } from "../id.ts";
import { cutsMembership, isLatest, takeBack } from "../membership/take-back.ts";
import type { Fen } from "../money.ts";
import type { Desk, UseCase } from "../quota/desk.ts";
import { NO_EFFECTS, type Effects, type Entry } from "../quota/posting.ts";
import { Refusal } from "../refusal.ts";
import { fileOf, moveOrder, moveRefund, orderEvent, together } from "./moves.ts";
import {
  paidState,
  refundedOf,
  REFUND_SPACING_MS,
  REFUND_WINDOW_MS,
  REFUNDS_MAX,
  type Order,
  type OrderFile,
  type Payment,
  type Refund,
} from "./order.ts";

export interface RequestRefund {
  readonly orderId: OrderId;
  readonly amountFen: Fen;
  readonly reason: string;
  /** Null: the payment that the order was granted for. */
  readonly paymentId: PaymentId | null;
}

/** Only the refund's id is kept with the key: a replay finds the refund as it is then. */
export interface RefundRef {
  readonly refundId: RefundId;
  /** As they were decided; undefined in a replay. */
  readonly refund?: Refund;
  readonly order?: Order;
}

/**
 * Refused as ORDER_NOT_FOUND, PAYMENT_NOT_FOUND, ORDER_NOT_REFUNDABLE, REFUND_EXCEEDS_PAID, REFUND_LIMIT_REACHED,
 * REFUND_NOT_LATEST: the first of these that applies.
 */
export const requestRefund: UseCase<RequestRefund, RefundRef> = {
  method: "RefundOrder",
  needs: ({ orderId }) => ({ orderId }),
  content: ({ orderId, amountFen, reason, paymentId }) => ({
    order_id: orderId,
    amount_fen: String(amountFen),
    reason,
    payment_id: paymentId ?? "",
  }),
  decide(desk, input) {
    const file = fileOf(desk, input.orderId);
    const payment = paymentFor(file, input);
    refuseTooMuch(desk, file, payment, input.amountFen);
    refuseTooOften(desk, file, payment, input.amountFen);
    const granted = payment.disposition === "GRANTED";
    const draft = draftOf(desk, payment, input);
    const taking = granted
      ? take(desk, file, draft)
      : { refund: draft, effects: nothingTaken(draft) };
    const cause = { source: "CALL", note: input.reason } as const;
    const change = { state: "REQUESTED", nextCheckMs: desk.nowMs } as const;
    const { refund, step } = moveRefund(desk, taking.refund, change, cause);
    const facts = { refund_id: refund.refundId, refund_fen: Number(refund.amountFen) };
    const event = orderEvent("refund.requested", file.order, facts);
    return {
      effects: together(taking.effects, { refunds: [refund], steps: [step], events: [event] }),
      answer: () => ({
        refundId: refund.refundId,
        refund,
        order: desk.account.orders.get(input.orderId)!.order,
      }),
    };
  },
  answers: {
    write: ({ refundId }) => JSON.stringify([[], { refundId }]),
    read: (text) => JSON.parse(text)[1] as RefundRef,
  },
};

function paymentFor(
  { order, payments }: OrderFile,
  { orderId, paymentId }: RequestRefund,
): Payment {
  const wanted = paymentId ?? order.paymentId;
  const payment = payments.find((candidate) => candidate.paymentId === wanted);
  if (payment === undefined && paymentId !== null) {
    throw new Refusal("PAYMENT_NOT_FOUND", `order ${orderId} has no such payment`, { paymentId });
  }
  if (payment === undefined) throw notRefundable(order, "the order has not been paid");
  if (payment.disposition === "RETURNED")
    throw notRefundable(order, "the payment goes back by itself");
  return payment;
}

function notRefundable({ orderId, state }: Order, message: string): Refusal {
  return new Refusal("ORDER_NOT_REFUNDABLE", message, { orderId, state });
}

function refuseTooMuch(desk: Desk, file: OrderFile, payment: Payment, amountFen: Fen): void {
  if (desk.nowMs - payment.payTimeMs > REFUND_WINDOW_MS) {
    throw notRefundable(file.order, "the payment was more than a year ago");
  }
  const refundedFen = refundedOf(file.refunds, payment.paymentId);
  const whole = payment.disposition === "QUARANTINED";
  if (refundedFen + amountFen <= payment.amountFen && !(whole && amountFen < payment.amountFen))
    return;
  const facts = {
    orderId: file.order.orderId,
    paidFen: String(payment.amountFen),
    refundedFen: String(refundedFen),
    requestedFen: String(amountFen),
  };
  const message = whole
    ? "a quarantined payment goes back whole"
    : "more would go back than came in, with what has gone back already";
  throw new Refusal("REFUND_EXCEEDS_PAID", message, facts);
}

/** The provider takes partial refunds a minute apart and at most 50 of one payment. */
function refuseTooOften(desk: Desk, file: OrderFile, payment: Payment, amountFen: Fen): void {
  const of = file.refunds.filter(({ paymentId }) => paymentId === payment.paymentId);
  const facts = { orderId: file.order.orderId, max: String(REFUNDS_MAX) };
  if (of.length >= REFUNDS_MAX) {
    throw new Refusal(
      "REFUND_LIMIT_REACHED",
      `a payment has at most ${REFUNDS_MAX} refunds`,
      facts,
    );
  }
  if (of.length === 0 && amountFen === payment.amountFen) return;
  const last = Math.max(0, ...of.map(({ createTimeMs }) => createTimeMs));
  const retryAfterMs = last + REFUND_SPACING_MS - desk.nowMs;
  if (retryAfterMs <= 0) return;
  const message = "refunds of one payment are a minute apart";
  throw new Refusal("REFUND_LIMIT_REACHED", message, facts, { retryAfterMs });
}

function draftOf(desk: Desk, payment: Payment, { amountFen, reason }: RequestRefund): Refund {
  return {
    refundId: desk.newId("rfd") as RefundId,
    orderId: payment.orderId,
    userId: payment.userId,
    paymentId: payment.paymentId,
    amountFen,
    reason,
    automatic: false,
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

/** A granted payment goes back: what it had paid for does too, and the order's state says so. */
function take(desk: Desk, { order }: OrderFile, draft: Refund) {
  const refundedFen = order.refundedFen + draft.amountFen;
  if (cutsMembership(desk, order, refundedFen) && !isLatest(desk, order)) {
    const message =
      "a later order's membership begins where this one's ends: refund the later one first";
    throw new Refusal("REFUND_NOT_LATEST", message, { orderId: order.orderId });
  }
  const taken = takeBack(desk, order, refundedFen, draft.refundId, "CALL");
  const change = {
    state: paidState(order.amountFen, refundedFen),
    refundedFen,
    revokedAmount: order.revokedAmount + taken.revokedAmount,
    membershipEndMs: taken.membershipEndMs,
    nextCheckMs: null,
  };
  const cause = { source: "CALL", note: `refund ${draft.refundId}` } as const;
  const moved = moveOrder(desk, order, change, cause);
  const { revokedAmount, revocation } = taken;
  return {
    refund: { ...draft, revokedAmount, revocation },
    effects: together(taken.effects, { orders: [moved.order], steps: [moved.step] }),
  };
}

/** Nothing was given for it, so nothing is taken; the log says so, under the call's key. */
function nothingTaken({ refundId }: Refund): Effects {
  const entry: Entry = {
    type: "REVOKE",
    grantId: null,
    reservationId: null,
    available: 0n,
    held: 0n,
    description: `refund ${refundId}: nothing was given for the payment`,
  };
  return { ...NO_EFFECTS, entries: [entry] };
}
