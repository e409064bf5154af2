/** Books that an order can't be paid any more. The provider has been asked before. */
import type { OrderId } from "../id.ts";
import type { UseCase } from "../quota/desk.ts";
import { NO_EFFECTS } from "../quota/posting.ts";
import { Refusal } from "../refusal.ts";
import { fileOf, moveOrder, orderEvent, together } from "./moves.ts";
import { isOpen, type Order, type Source } from "./order.ts";
import { orderRefAnswers, type OrderRef } from "./place-order.ts";

export interface MarkClosed {
  readonly orderId: OrderId;
  readonly reason: string;
  readonly source: Source;
}

/** A closed order stays closed. Refused as ORDER_NOT_FOUND, ORDER_NOT_PAYABLE when it is paid. */
export const markClosed: UseCase<MarkClosed, OrderRef> = {
  method: "CloseOrder",
  needs: ({ orderId }) => ({ orderId }),
  content: ({ orderId, reason }) => ({ order_id: orderId, reason }),
  decide(desk, { orderId, reason, source }) {
    const { order } = fileOf(desk, orderId);
    const answer = () => ({ orderId });
    if (order.state === "CLOSED") return { effects: NO_EFFECTS, answer };
    if (!isOpen(order)) throw notPayable(order);
    const change = { state: "CLOSED", prepay: null, closeTimeMs: desk.nowMs } as const;
    // One more look, some time later: money may have been on its way.
    const moved = moveOrder(desk, order, change, { source, note: reason });
    const event = orderEvent("order.closed", moved.order, { why: reason });
    return {
      effects: together({ orders: [moved.order], steps: [moved.step], events: [event] }),
      answer: () => ({ orderId, order: moved.order }),
    };
  },
  answers: orderRefAnswers,
};

export function notPayable({ orderId, state }: Order): Refusal {
  const message = `the order is ${state} and can't be closed or paid`;
  return new Refusal("ORDER_NOT_PAYABLE", message, { orderId, state });
}
