/** CreateOrder, whole: the order is written, then the provider is asked to let somebody pay for it. */
import type { OrderId } from "../id.ts";
import type { Command } from "../quota/desk.ts";
import { asking, known, ourselves, paymentRefused, type CashierParts } from "./asking.ts";
import type { Payable } from "./gateway.ts";
import { notePrepay } from "./note-prepay.ts";
import { isOpen, productName, type Order, type OrderFile, type Prepay } from "./order.ts";
import { placeOrder, type PlaceOrder } from "./place-order.ts";
import { settling } from "./settle.ts";

export interface Placed {
  readonly order: Order;
  /** What the payer's device needs; null when there's nothing to pay. */
  readonly prepay: Prepay | null;
  readonly replayed: boolean;
}

/** Parameters that end sooner than this are renewed rather than given out. */
const PREPAY_MARGIN_MS = 60_000;

export function selling(parts: CashierParts) {
  const { teller, reader, gateway } = parts;
  const { settle } = settling(parts);

  /** CreateOrder. @throws Refusal as placeOrder; PAYMENT_UNAVAILABLE, PAYMENT_REFUSED */
  const createOrder = async (
    command: Command<PlaceOrder>,
    nowMs: number,
    signal?: AbortSignal,
  ): Promise<Placed> => {
    const { answer, replayed } = await teller.submit(
      placeOrder,
      command,
      command.input.userId,
      signal,
    );
    const { orderId, order } = answer;
    if (command.validateOnly && order) return { order, prepay: null, replayed };
    const prepay = await letPay(await known(reader, orderId), nowMs, signal);
    return { order: (await known(reader, orderId)).order, prepay, replayed };
  };

  /** Parameters to pay with: those that are there while they last, else new ones. */
  const letPay = async (
    { order }: OrderFile,
    nowMs: number,
    signal?: AbortSignal,
  ): Promise<Prepay | null> => {
    if (!isOpen(order) || nowMs >= order.expireTimeMs) return null;
    if (order.prepay !== null && order.prepay.expireTimeMs > nowMs + PREPAY_MARGIN_MS)
      return order.prepay;
    const { orderId } = order;
    const answer = await asking(() =>
      gateway.prepay(
        {
          channel: order.channel,
          outTradeNo: orderId,
          description: productName(order.product),
          amountFen: order.amountFen,
          expireTimeMs: order.expireTimeMs,
          payerOpenid: order.payerOpenid,
          clientIp: order.clientIp,
        },
        signal,
      ),
    );
    switch (answer.kind) {
      case "ready":
        return note(orderId, answer.payable, Math.min(nowMs + answer.validMs, order.expireTimeMs));
      case "already-paid":
      case "closed":
        await settle(orderId, "QUERY", signal);
        return null;
      case "conflict":
        throw paymentRefused("INVALID_REQUEST", answer.message);
      case "refused":
        throw paymentRefused(answer.code, answer.message);
      default:
        return answer satisfies never;
    }
  };

  const note = async (orderId: OrderId, payable: Payable, expireTimeMs: number) => {
    const { order } = await known(reader, orderId);
    const prepay = { payable, expireTimeMs };
    const { answer } = await ourselves(parts, notePrepay, { orderId, prepay }, order.userId);
    return answer.noted ? prepay : null;
  };
  return { createOrder };
}
