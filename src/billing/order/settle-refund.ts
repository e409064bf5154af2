/** Books what the provider says of a refund, by whatever way it became known. */
import type { OrderId, RefundId } from "../id.ts";
import { giveBack, takeBack } from "../membership/take-back.ts";
import { plainAnswers } from "../quota/answers.ts";
import type { Decision, Desk, UseCase } from "../quota/desk.ts";
import { NO_EFFECTS, type Effects } from "../quota/posting.ts";
import type { RefundTrade } from "./gateway.ts";
import { fileOf, moveOrder, moveRefund, orderEvent, refundNotFound, together } from "./moves.ts";
import {
  checkPauseMs,
  paidState,
  type Order,
  type OrderFile,
  type Refund,
  type RefundState,
  type Source,
} from "./order.ts";

export interface SettleRefund {
  readonly orderId: OrderId;
  readonly refundId: RefundId;
  readonly trade: RefundTrade;
  readonly source: Source;
}

/** "contradicted": it isn't what was asked for, of this payment; a person decides. */
export interface RefundSettled {
  readonly settled: "moved" | "known" | "contradicted";
}

const STATE_OF: Readonly<Record<RefundTrade["status"], RefundState>> = {
  PROCESSING: "PROCESSING",
  SUCCESS: "SUCCEEDED",
  ABNORMAL: "ABNORMAL",
  CLOSED: "CLOSED",
};

const EVENT_OF = {
  REQUESTED: "refund.requested",
  PROCESSING: "refund.processing",
  SUCCEEDED: "refund.succeeded",
  ABNORMAL: "refund.abnormal",
  CLOSED: "refund.closed",
} as const satisfies Readonly<Record<RefundState, string>>;

/** SUCCEEDED is the end; nothing goes back to REQUESTED; what was closed may still turn out to be paid. */
const MAY_FOLLOW: Readonly<Record<RefundState, readonly RefundState[]>> = {
  REQUESTED: ["PROCESSING", "SUCCEEDED", "ABNORMAL", "CLOSED"],
  PROCESSING: ["SUCCEEDED", "ABNORMAL", "CLOSED"],
  ABNORMAL: ["PROCESSING", "SUCCEEDED", "CLOSED"],
  CLOSED: ["SUCCEEDED"],
  SUCCEEDED: [],
};

export const settleRefund: UseCase<SettleRefund, RefundSettled> = {
  method: "SettleRefund",
  needs: ({ orderId }) => ({ orderId }),
  content: ({ refundId }) => ({ refund_id: refundId }),
  decide(desk, { orderId, refundId, trade, source }) {
    const file = fileOf(desk, orderId);
    const refund = file.refunds.find((candidate) => candidate.refundId === refundId);
    if (refund === undefined) throw refundNotFound(refundId);
    const state = STATE_OF[trade.status];
    const fault = contradiction(file, refund, trade);
    if (fault !== null) return contradict(desk, file, refund, fault);
    if (!MAY_FOLLOW[refund.state].includes(state)) {
      return { effects: NO_EFFECTS, answer: () => ({ settled: "known" }) };
    }
    const excess = excessOf(file.order, refund, state);
    if (excess !== null) return contradict(desk, file, refund, excess);
    return move(desk, file, refund, { trade, source, state });
  },
  answers: plainAnswers(),
};

interface Said {
  readonly trade: RefundTrade;
  readonly source: Source;
  readonly state: RefundState;
}

function move(
  desk: Desk,
  file: OrderFile,
  refund: Refund,
  { trade, source, state }: Said,
): Decision<RefundSettled> {
  const isOver = state === "SUCCEEDED" || state === "CLOSED" || state === "ABNORMAL";
  const quota = quotaOf(desk, file, refund, { trade, source, state });
  const moved = moveRefund(
    desk,
    { ...refund, ...quota.change },
    {
      state,
      providerRefundId: trade.providerRefundId,
      successTimeMs: trade.successTimeMs,
      obstacle: state === "ABNORMAL" ? "the payer's account can't take it" : "",
      nextCheckMs: isOver ? null : desk.nowMs + checkPauseMs(0),
    },
    { source, note: `WeChat Pay says ${trade.status}` },
  );
  const facts = { refund_id: refund.refundId, refund_fen: Number(refund.amountFen) };
  const event = orderEvent(EVENT_OF[state], quota.order ?? file.order, facts);
  const own = { refunds: [moved.refund], steps: [moved.step], events: [event] };
  return {
    effects: together(quota.effects, own),
    answer: () => ({ settled: "moved" }),
  };
}

interface QuotaMove {
  readonly effects: Effects;
  readonly order?: Order;
  readonly change?: Partial<Refund>;
}

/** A refund that is closed gives back what it took; one that turns out to be paid after that takes again. */
function quotaOf(
  desk: Desk,
  { order }: OrderFile,
  refund: Refund,
  { state, source }: Said,
): QuotaMove {
  if (refund.paymentId !== order.paymentId) return { effects: NO_EFFECTS };
  if (state === "CLOSED") {
    const back = giveBack(desk, order, refund.revocation, refund.refundId, source);
    const refundedFen = order.refundedFen - refund.amountFen;
    const moved = moveOrder(
      desk,
      order,
      {
        state: paidState(order.amountFen, refundedFen),
        refundedFen,
        revokedAmount: order.revokedAmount - back.restoredAmount,
        membershipEndMs: back.membershipEndMs,
        nextCheckMs: null,
      },
      { source: "QUERY", note: `refund ${refund.refundId} was closed` },
    );
    const effects = together(back.effects, { orders: [moved.order], steps: [moved.step] });
    return { effects, order: moved.order, change: { revokedAmount: 0n, revocation: "" } };
  }
  if (refund.state !== "CLOSED") return { effects: NO_EFFECTS };
  const refundedFen = order.refundedFen + refund.amountFen;
  const taken = takeBack(desk, order, refundedFen, refund.refundId, source);
  const moved = moveOrder(
    desk,
    order,
    {
      state: paidState(order.amountFen, refundedFen),
      refundedFen,
      revokedAmount: order.revokedAmount + taken.revokedAmount,
      membershipEndMs: taken.membershipEndMs,
      nextCheckMs: null,
    },
    { source: "QUERY", note: `refund ${refund.refundId} was paid after all` },
  );
  const { revokedAmount, revocation } = taken;
  const effects = together(taken.effects, { orders: [moved.order], steps: [moved.step] });
  return { effects, order: moved.order, change: { revokedAmount, revocation } };
}

/** What of the provider's word isn't about this refund of this payment; null when all is. */
function contradiction({ order, payments }: OrderFile, refund: Refund, trade: RefundTrade): string | null {
  const payment = payments.find(({ paymentId }) => paymentId === refund.paymentId);
  if (trade.amountFen !== refund.amountFen) {
    return `WeChat Pay speaks of ${trade.amountFen} fen instead of ${refund.amountFen}`;
  }
  if (trade.totalFen !== payment?.amountFen) {
    return `WeChat Pay speaks of a payment of ${trade.totalFen} fen instead of ${payment?.amountFen}`;
  }
  const isOther = trade.transactionId !== null && trade.transactionId !== payment.transactionId;
  if (trade.outTradeNo !== order.orderId || isOther) return "WeChat Pay speaks of another payment";
  return null;
}

/** A closed refund that is paid after all, beside another that took its place, may make more than came in. */
function excessOf(order: Order, refund: Refund, state: RefundState): string | null {
  const isRevived = refund.state === "CLOSED" && state === "SUCCEEDED";
  if (!isRevived || refund.paymentId !== order.paymentId) return null;
  const excess = order.refundedFen + refund.amountFen - order.amountFen;
  return excess <= 0n ? null : `WeChat Pay has paid back ${excess} fen more than came in`;
}

function contradict(
  desk: Desk,
  { order }: OrderFile,
  refund: Refund,
  obstacle: string,
): Decision<RefundSettled> {
  const answer = () => ({ settled: "contradicted" }) as const;
  if (refund.obstacle === obstacle) return { effects: NO_EFFECTS, answer };
  const facts = { refund_id: refund.refundId, why: obstacle };
  const event = orderEvent("refund.contradicted", order, facts);
  const noted = { ...refund, obstacle, checks: refund.checks + 1 };
  // What has ended isn't asked about any more.
  const nextCheckMs = refund.nextCheckMs === null ? null : desk.nowMs + checkPauseMs(noted.checks);
  return {
    effects: together({ refunds: [{ ...noted, nextCheckMs }], events: [event] }),
    answer,
  };
}
