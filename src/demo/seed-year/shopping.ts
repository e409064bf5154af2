/** Orders of a seeded year, what is paid for them, and what goes back: by every way there is. */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../billing/clock.ts";
import type { PackId, PlanId } from "../../billing/id.ts";
import { markClosed } from "../../billing/order/mark-closed.ts";
import type { Order } from "../../billing/order/order.ts";
import { placeOrder } from "../../billing/order/place-order.ts";
import { settlePayment } from "../../billing/order/settle-payment.ts";
import type { Account } from "../../billing/quota/account.ts";
import type { Agenda } from "./agenda.ts";
import { GivingBack } from "./giving-back.ts";
import { nextMidnight } from "./options.ts";
import type { Provider } from "./provider.ts";
import { MONTHLY, PACK, PACK_FOR_EVER, WEEKLY, YEARLY } from "./wares.ts";
import type { World } from "./world.ts";

export interface ShopParts {
  readonly world: World;
  readonly agenda: Agenda;
  readonly provider: Provider;
}

export class Shopping {
  readonly #parts: ShopParts;
  readonly #givingBack: GivingBack;

  constructor(parts: ShopParts) {
    this.#parts = parts;
    this.#givingBack = new GivingBack(parts);
  }

  /** Orders something now. @returns false when the service refuses */
  buy(account: Account): boolean {
    const { world } = this.#parts;
    // Those that were not paid are closed in time: nobody has many.
    account.openOrders = 0;
    const { userId } = account.user;
    const input = {
      ...choose(world, account),
      userId,
      channel: "NATIVE",
      payerOpenid: null,
      clientIp: null,
    } as const;
    const answer = world.act(account, placeOrder, input, "web-shop");
    if (answer?.order !== undefined) this.#decide(account, answer.order);
    return answer !== undefined;
  }

  /** What becomes of an order. */
  #decide(account: Account, order: Order): void {
    const { dice, now } = this.#parts.world;
    const payMs = momentOfPayment(now(), dice.between(5, 600) * SECOND_MS, dice.next());
    const lagMs = dice.between(300, 3_000);
    const closeMs = order.expireTimeMs + dice.between(1, 60) * SECOND_MS;
    const fate = dice.next();
    if (fate < 0.86) this.#pay(account, order, payMs, lagMs);
    // Twice: two devices, two payments.
    if (fate < 0.03) this.#pay(account, order, payMs + dice.between(1, 90) * SECOND_MS, lagMs);
    if (fate < 0.86) return;
    this.#close(account, order, closeMs);
    if (fate < 0.88) this.#pay(account, order, closeMs + 20 * MINUTE_MS, lagMs);
    // In time, but nobody heard of it until after the order was closed: perhaps on the day after.
    else if (fate < 0.91) this.#pay(account, order, payMs, dice.between(3, 20) * HOUR_MS);
    else if (fate < 0.93) this.#pay(account, order, payMs, lagMs, order.amountFen - 1n);
  }

  #close(account: Account, { orderId }: Order, atMs: number): void {
    const { world, agenda } = this.#parts;
    const input = { orderId, reason: "nobody paid in time", source: "CLOCK" } as const;
    agenda.plan(atMs, () => void world.act(account, markClosed, input, "billing-guard"));
  }

  /** Books a payment; WeChat Pay tells of it some seconds, or some hours, after it was made. */
  #pay(
    account: Account,
    order: Order,
    payMs: number,
    lagMs: number,
    amountFen = order.amountFen,
  ): void {
    const { world, agenda, provider } = this.#parts;
    const { orderId } = order;
    const transactionId = provider.newTransaction();
    provider.listPayment({ order, transactionId, amountFen, timeMs: payMs });
    const trade = {
      outTradeNo: orderId,
      state: "SUCCESS",
      transactionId,
      totalFen: amountFen,
      payerTotalFen: null,
      currency: "CNY",
      successTimeMs: payMs,
      payerOpenid: null,
      tradeType: null,
    } as const;
    agenda.plan(payMs + lagMs, () => {
      const answer = world.act(
        account,
        settlePayment,
        { orderId, trade, source: "CALLBACK" },
        "wechat-pay",
      );
      if (answer !== undefined) this.#givingBack.paid(account, orderId, transactionId, answer);
    });
  }
}

/** After a while; or, where midnight is near, perhaps in the last millisecond of the day, or the next one's first. */
function momentOfPayment(nowMs: number, afterMs: number, chance: number): number {
  const midnightMs = nextMidnight(nowMs);
  if (midnightMs - nowMs > 2 * HOUR_MS || chance > 0.3) return nowMs + afterMs;
  return chance < 0.15 ? midnightMs - 1 : midnightMs;
}

interface Choice {
  readonly product: { readonly planId: PlanId } | { readonly packId: PackId };
  readonly quantity: number;
}

/** Who is a member takes packs as well, or goes on in advance. */
function choose({ dice }: World, { user }: Account): Choice {
  const plan = (planId: PlanId, quantity = 1) => ({ product: { planId }, quantity });
  if (user.membershipState !== "ACTIVE" || dice.chance(0.6)) {
    const chance = dice.next();
    if (chance < 0.12) return plan(WEEKLY.planId, dice.between(1, 3));
    if (chance < 0.17) return plan(YEARLY.planId);
    if (chance < 0.3) return plan(MONTHLY.planId, dice.pick([2, 3, 6]));
    return plan(MONTHLY.planId);
  }
  const pack = dice.chance(0.7) ? PACK : PACK_FOR_EVER;
  return { product: { packId: pack.packId }, quantity: dice.between(1, 3) };
}
