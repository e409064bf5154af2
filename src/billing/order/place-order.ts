/** CreateOrder, its decision: an order at the catalogue's price, written before the provider hears of it. */
import type { OrderId, PackId, PlanId, UserId } from "../id.ts";
import { standingRefusal } from "../membership/change-membership.ts";
import { reasonsAgainst } from "../membership/state-table.ts";
import { AMOUNT_MAX } from "../money.ts";
import type { Answers } from "../quota/answers.ts";
import type { Desk, UseCase } from "../quota/desk.ts";
import { Refusal } from "../refusal.ts";
import type { Channel } from "./gateway.ts";
import { moveOrder, orderEvent, together } from "./moves.ts";
import { OPEN_ORDERS_MAX, PAYABLE_MS, unitPriceFen, type Order, type Product } from "./order.ts";

export interface PlaceOrder {
  readonly userId: UserId;
  readonly product: { readonly planId: PlanId } | { readonly packId: PackId };
  readonly quantity: number;
  readonly channel: Channel;
  readonly payerOpenid: string | null;
  readonly clientIp: string | null;
}

/** Only the order's id is kept with the key: a replay finds the order as it is then. */
export interface OrderRef {
  readonly orderId: OrderId;
  /** As it was decided; undefined in a replay. */
  readonly order?: Order;
}

export const orderRefAnswers: Answers<OrderRef> = {
  write: ({ orderId }) => JSON.stringify([[], { orderId }]),
  read: (text) => JSON.parse(text)[1] as OrderRef,
};

/**
 * Refused as USER_NOT_FOUND, USER_SUSPENDED, PLAN_NOT_FOUND or PACK_NOT_FOUND, PRODUCT_NOT_FOR_SALE,
 * ORDER_LIMIT_REACHED: the first of these that applies.
 */
export const placeOrder: UseCase<PlaceOrder, OrderRef> = {
  method: "CreateOrder",
  needs: () => ({ openOrders: true }),
  content: ({ userId, product, quantity, channel, payerOpenid, clientIp }) => ({
    user_id: userId,
    plan_id: "planId" in product ? product.planId : "",
    pack_id: "packId" in product ? product.packId : "",
    quantity: String(quantity),
    channel,
    payer_openid: payerOpenid === null ? "" : fingerprint(payerOpenid),
    client_ip: clientIp === null ? "" : fingerprint(clientIp),
  }),
  decide(desk, input) {
    const product = productFor(desk, input.product);
    refuseMany(desk);
    const draft = draftOf(desk, input, product);
    const cause = { source: "CALL", note: "ordered" } as const;
    const { order, step } = moveOrder(desk, draft, { state: "CREATED" }, cause);
    return {
      effects: together({
        orders: [order],
        steps: [step],
        events: [orderEvent("order.created", order)],
      }),
      answer: () => ({ orderId: order.orderId, order }),
    };
  },
  answers: orderRefAnswers,
};

/**
 * What is kept of personal data to tell that a key comes with another content. 16 bits of an FNV-1a hash: another
 * value passes for the same once in 65,536 times, and as many addresses of a network have each
 * fingerprint, so that trying all of them finds nobody.
 */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (((hash >>> 16) ^ hash) & 0xffff).toString(16).padStart(4, "0");
}

function productFor(desk: Desk, wanted: PlaceOrder["product"]): Product {
  const { user } = desk.account;
  const [reason] = reasonsAgainst(user, desk.nowMs, "ORDER");
  if (reason !== undefined) throw standingRefusal(reason, user);
  if ("planId" in wanted) {
    const { planId } = wanted;
    const plan = desk.products.findPlan(planId);
    if (plan === undefined)
      throw new Refusal("PLAN_NOT_FOUND", "there is no such plan", { planId });
    if (plan === "not-for-sale" || plan.trial) throw notForSale(planId);
    return { kind: "PLAN", plan };
  }
  const { packId } = wanted;
  const pack = desk.products.findPack(packId);
  if (pack === undefined) throw new Refusal("PACK_NOT_FOUND", "there is no such pack", { packId });
  if (pack === "not-for-sale") throw notForSale(packId);
  return { kind: "PACK", pack };
}

function notForSale(productId: string): Refusal {
  return new Refusal("PRODUCT_NOT_FOR_SALE", "the product is not for sale", { productId });
}

function refuseMany({ account }: Desk): void {
  if (account.openOrders < OPEN_ORDERS_MAX) return;
  const { userId } = account.user;
  const message =
    "too many orders of the user wait to be paid; close some, or wait until they expire";
  throw new Refusal("ORDER_LIMIT_REACHED", message, { userId, max: String(OPEN_ORDERS_MAX) });
}

function draftOf(desk: Desk, input: PlaceOrder, product: Product): Order {
  const amountFen = unitPriceFen(product) * BigInt(input.quantity);
  // WeChat Pay takes from 1 fen on; nothing is given away by way of an order.
  if (amountFen < 1n || amountFen > AMOUNT_MAX) {
    throw notForSale(product.kind === "PLAN" ? product.plan.planId : product.pack.packId);
  }
  return {
    orderId: desk.newId("ord") as OrderId,
    userId: input.userId,
    product,
    quantity: input.quantity,
    channel: input.channel,
    amountFen,
    payerOpenid: input.payerOpenid,
    clientIp: input.clientIp,
    createTimeMs: desk.nowMs,
    expireTimeMs: desk.nowMs + PAYABLE_MS,
    state: "CREATED",
    prepay: null,
    payTimeMs: null,
    closeTimeMs: null,
    paymentId: null,
    refundedFen: 0n,
    grantedAmount: 0n,
    revokedAmount: 0n,
    membershipStartMs: null,
    membershipEndMs: null,
    steps: 0,
    nextCheckMs: null,
    checks: 0,
  };
}
