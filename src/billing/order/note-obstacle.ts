/** Books that the provider did not take a refund, or had nothing new to say, and when to ask again. */
import type { OrderId, RefundId } from "../id.ts";
import { plainAnswers } from "../quota/answers.ts";
import type { UseCase } from "../quota/desk.ts";
import { fileOf, orderEvent, refundNotFound, together } from "./moves.ts";
import { checkPauseMs } from "./order.ts";

export interface NoteObstacle {
  readonly orderId: OrderId;
  readonly refundId: RefundId;
  /** What the provider says; empty when it is only not done yet. */
  readonly obstacle: string;
  /** True when asking the same again changes nothing: a person is told, and it is asked rarely. */
  readonly isFinal: boolean;
}

/** The longest that its column takes. */
const OBSTACLE_MAX = 255;
/** What a clear no is asked again for; then a person has been told often enough. */
const FINAL_CHECKS_MAX = 12;

export const noteObstacle: UseCase<NoteObstacle, Record<string, never>> = {
  method: "NoteRefundObstacle",
  needs: ({ orderId }) => ({ orderId }),
  content: ({ refundId }) => ({ refund_id: refundId }),
  decide(desk, { orderId, refundId, obstacle, isFinal }) {
    const { order, refunds } = fileOf(desk, orderId);
    const refund = refunds.find((candidate) => candidate.refundId === refundId);
    if (refund === undefined) throw refundNotFound(refundId);
    const checks = refund.checks + 1;
    const isOver = isFinal && checks >= FINAL_CHECKS_MAX;
    const nextCheckMs = isOver ? null : desk.nowMs + checkPauseMs(checks);
    const noted = { ...refund, obstacle: obstacle.slice(0, OBSTACLE_MAX), checks, nextCheckMs };
    const facts = { refund_id: refundId, why: noted.obstacle };
    const isNews = obstacle !== "" && refund.obstacle !== noted.obstacle;
    const events = isNews ? [orderEvent("refund.obstructed", order, facts)] : [];
    return { effects: together({ refunds: [noted], events }), answer: () => ({}) };
  },
  answers: plainAnswers(),
};
