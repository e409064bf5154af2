/** Books that the provider will let somebody pay, and how. */
import type { OrderId } from "../id.ts";
import { plainAnswers } from "../quota/answers.ts";
import type { UseCase } from "../quota/desk.ts";
import { NO_EFFECTS } from "../quota/posting.ts";
import { fileOf, moveOrder, together } from "./moves.ts";
import { isOpen, type Prepay } from "./order.ts";

export interface NotePrepay {
  readonly orderId: OrderId;
  readonly prepay: Prepay;
}

/** An order that was paid or closed meanwhile stays as it is. */
export const notePrepay: UseCase<NotePrepay, { readonly noted: boolean }> = {
  method: "NotePrepay",
  needs: ({ orderId }) => ({ orderId }),
  content: ({ orderId }) => ({ order_id: orderId }),
  decide(desk, { orderId, prepay }) {
    const { order } = fileOf(desk, orderId);
    if (!isOpen(order)) return { effects: NO_EFFECTS, answer: () => ({ noted: false }) };
    if (order.state === "PENDING") {
      const renewed = { ...order, prepay };
      return { effects: together({ orders: [renewed] }), answer: () => ({ noted: true }) };
    }
    const cause = { source: "CALL", note: "WeChat Pay took the order" } as const;
    const moved = moveOrder(desk, order, { state: "PENDING", prepay }, cause);
    return {
      effects: together({ orders: [moved.order], steps: [moved.step] }),
      answer: () => ({ noted: true }),
    };
  },
  answers: plainAnswers(),
};
