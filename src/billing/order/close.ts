/** CloseOrder and the end of an order's time: nobody can pay it any more, there and here. */
import type { OrderId } from "../id.ts";
import type { Command } from "../quota/desk.ts";
import { asking, known, ourselves, paymentRefused, type CashierParts } from "./asking.ts";
import { markClosed, notPayable, type MarkClosed } from "./mark-closed.ts";
import { isOpen, type OrderFile } from "./order.ts";
import { settling } from "./settle.ts";

export function closing(parts: CashierParts) {
  const { teller, reader, gateway } = parts;
  const { settle } = settling(parts);

  /**
   * CloseOrder. The provider is asked before, told, and asked again: whoever paid in the same moment has
   * paid. @throws Refusal ORDER_NOT_FOUND, ORDER_NOT_PAYABLE, PAYMENT_UNAVAILABLE
   */
  const closeOrder = async (
    command: Command<MarkClosed>,
    signal?: AbortSignal,
  ): Promise<OrderFile> => {
    const { orderId } = command.input;
    const file = await known(reader, orderId);
    const { userId } = file.order;
    // A key that was used for something else is refused before anything happens.
    const preview = { ...command, validateOnly: true };
    const { answer } = await teller.submit(markClosed, preview, userId, signal);
    if (command.validateOnly) return { ...file, order: answer.order ?? file.order };
    const isPaid = await closeThere(orderId, signal);
    if (!isPaid) await teller.submit(markClosed, command, userId, signal);
    return known(reader, orderId);
  };

  /** Makes sure that nobody can pay it any more. @returns true when somebody has */
  const closeThere = async (orderId: OrderId, signal?: AbortSignal): Promise<boolean> => {
    const { order } = await known(reader, orderId);
    if (order.state === "CLOSED") return false;
    if (!isOpen(order)) throw notPayable(order);
    if (await isSettled(orderId, signal)) return true;
    const answer = await asking(() => gateway.closeTrade(orderId, signal));
    if (answer.kind === "refused") throw paymentRefused(answer.code, answer.message);
    return isSettled(orderId, signal);
  };

  const isSettled = async (orderId: OrderId, signal?: AbortSignal): Promise<boolean> => {
    const { tradeState } = await settle(orderId, "QUERY", signal);
    if (tradeState !== "SUCCESS" && tradeState !== "REFUND") return false;
    const { order } = await known(reader, orderId);
    return !isOpen(order);
  };

  /** An order whose time is over: closed there and here, or paid. */
  const expireOrder = async (orderId: OrderId, signal?: AbortSignal): Promise<void> => {
    const { order } = await known(reader, orderId);
    if (!isOpen(order) || (await closeThere(orderId, signal))) return;
    const input = { orderId, reason: "its time to be paid is over", source: "CLOCK" } as const;
    await ourselves(parts, markClosed, input, order.userId);
  };
  return { closeOrder, expireOrder };
}
