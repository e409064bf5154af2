/** A whole purchase, shown: order, QR code, payment, callback, membership and quota. */
import { setTimeout as sleep } from "node:timers/promises";
import { renderUnicodeCompact } from "uqr";
import { connect, type BillingClient } from "../client/client.ts";
import { Channel, Order_State } from "../gen/billing/order/v1/order.ts";
import { OrderServiceService as Orders } from "../gen/billing/order/v1/order_service.ts";
import type { Simulator } from "../simulator/index.ts";
import type { DemoIdentities } from "./identities.ts";

type Say = (line: string) => void;

export const DEMO_PLAN = "membership-monthly";
const POLL_MS = 50;
const FEN_PER_YUAN = 100;

/**
 * Buys a month for a user and pays as the user would, by the simulator.
 * @throws BillingError when the server says no
 */
export async function purchase(
  address: string,
  { tokens }: DemoIdentities,
  simulator: Simulator,
  userId: string,
  say: Say,
): Promise<string> {
  const storefront = connect({ address, token: tokens.storefront });
  try {
    const { order, paymentParameters } = await storefront.call(Orders.createOrder, {
      idempotencyKey: `order-${userId}`,
      userId,
      product: { $case: "planId", value: DEMO_PLAN },
      channel: Channel.NATIVE,
      payerOpenid: "",
      clientIp: "",
      validateOnly: false,
      quantity: undefined,
    });
    const method = paymentParameters?.method;
    if (order === undefined || method?.$case !== "codeUrl")
      throw new Error("the order can't be paid");
    say(
      `ordered     ${DEMO_PLAN} for ¥${Number(order.amountFen) / FEN_PER_YUAN}, to be paid with ${method.value}`,
    );
    for (const line of renderUnicodeCompact(method.value).split("\n")) say(`            ${line}`);
    simulator.user.pay(method.value);
    await paid(storefront, order.orderId);
    const { membership } = await storefront.membership(userId);
    const { available } = await storefront.balance(userId);
    const until = membership.expireTime?.toISOString().slice(0, 10) ?? "?";
    say(`paid        the callback came: member until ${until}, ${available} available`);
    return order.orderId;
  } finally {
    storefront.close();
  }
}

/** WeChat Pay tells by itself; a storefront asks until it has. */
async function paid(storefront: BillingClient, orderId: string): Promise<void> {
  for (;;) {
    const { order } = await storefront.call(Orders.getOrder, { orderId });
    if (order?.state === Order_State.PAID) return;
    await sleep(POLL_MS);
  }
}
