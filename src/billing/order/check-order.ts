/**
 * Compensation: what the provider has not told us by itself we ask for, again and again, ever more
 * rarely, until an order or a refund has come to its end.
 */
import type { OrderId, UserId } from "../id.ts";
import { plainAnswers } from "../quota/answers.ts";
import type { UseCase } from "../quota/desk.ts";
import { NO_EFFECTS } from "../quota/posting.ts";
import { known, ourselves, type CashierParts } from "./asking.ts";
import { closing } from "./close.ts";
import { fileOf, together } from "./moves.ts";
import { checkPauseMs, isOpen } from "./order.ts";
import { settling } from "./settle.ts";

/** After closing, money that was on its way has shown itself by then. */
const LOOKS_AFTER_CLOSING = 4;

/** Puts the next look off, or ends looking. */
const putOff: UseCase<
  { readonly orderId: OrderId; readonly userId: UserId },
  Record<string, never>
> = {
  method: "PutOffCheck",
  needs: ({ orderId }) => ({ orderId }),
  content: ({ orderId }) => ({ order_id: orderId }),
  decide(desk, { orderId }) {
    const { order } = fileOf(desk, orderId);
    const answer = () => ({});
    const isClosed = order.state === "CLOSED";
    if (!isOpen(order) && !isClosed) return { effects: NO_EFFECTS, answer };
    const checks = order.checks + 1;
    const isOver = isClosed && checks >= LOOKS_AFTER_CLOSING;
    const soonest = desk.nowMs + checkPauseMs(checks);
    // At the end of its time it is looked at in any case.
    const nextCheckMs = isClosed
      ? soonest
      : Math.max(desk.nowMs, Math.min(soonest, order.expireTimeMs));
    const looked = { ...order, checks, nextCheckMs: isOver ? null : nextCheckMs };
    return { effects: together({ orders: [looked] }), answer };
  },
  answers: plainAnswers(),
};

/**
 * Looks at an order that is due: asks the provider, books what it says, and closes what can't be paid
 * any more. @throws Refusal PAYMENT_UNAVAILABLE; it is due again after the lease of whoever took it
 */
export async function checkOrder(
  parts: CashierParts,
  orderId: OrderId,
  nowMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const { order } = await known(parts.reader, orderId);
  if (isOpen(order) && nowMs >= order.expireTimeMs)
    return closing(parts).expireOrder(orderId, signal);
  if (isOpen(order) || order.state === "CLOSED")
    await settling(parts).settle(orderId, "QUERY", signal);
  await ourselves(parts, putOff, { orderId, userId: order.userId }, order.userId);
}
