/** Refunds of a seeded year: of what was asked for, and of what came in for nothing. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../billing/clock.ts";
import type { OrderId, RefundId } from "../../billing/id.ts";
import type { RefundStatus } from "../../billing/order/gateway.ts";
import {
  refundedOf,
  type Order,
  type OrderFile,
  type Payment,
  type Refund,
} from "../../billing/order/order.ts";
import { requestRefund } from "../../billing/order/request-refund.ts";
import type { SettledAnswer } from "../../billing/order/settle-payment.ts";
import { settleRefund } from "../../billing/order/settle-refund.ts";
import type { Account } from "../../billing/quota/account.ts";
import { nextMidnight } from "./options.ts";
import type { ShopParts } from "./shopping.ts";

export class GivingBack {
  readonly #parts: ShopParts;

  constructor(parts: ShopParts) {
    this.#parts = parts;
  }

  /** Decides what goes back of a payment that was just booked. */
  paid(
    account: Account,
    orderId: OrderId,
    transactionId: string,
    { settled, refundId }: SettledAnswer,
  ): void {
    const { agenda, world } = this.#parts;
    const { dice } = world;
    const nowMs = world.now();
    if (settled === "returned") this.#follow(account, refundOf(account, orderId, refundId!));
    if (settled === "quarantined" && dice.chance(0.8)) {
      const { payments } = fileOf(account, orderId);
      const { paymentId, amountFen } = payments.find(
        (each) => each.transactionId === transactionId,
      )!;
      const atMs = nowMs + dice.between(1, 90) * HOUR_MS;
      agenda.plan(atMs, () => this.#ask(account, orderId, amountFen, paymentId));
    }
    if (settled !== "granted" || !dice.chance(0.11)) return;
    agenda.plan(nowMs + waitMs(dice.next(), dice.next()), () => this.#regret(account, orderId));
  }

  #regret(account: Account, orderId: OrderId): void {
    const { agenda, world } = this.#parts;
    const { dice } = world;
    const { order } = fileOf(account, orderId);
    this.#ask(account, orderId, amountOf(order, dice.next(), dice.next()), null);
    if (!dice.chance(0.3)) return;
    agenda.plan(world.now() + dice.between(61, 5_000) * MINUTE_MS, () => {
      const { amountFen, refundedFen } = fileOf(account, orderId).order;
      if (refundedFen < amountFen) this.#ask(account, orderId, amountFen - refundedFen, null);
    });
  }

  #ask(
    account: Account,
    orderId: OrderId,
    amountFen: bigint,
    paymentId: Payment["paymentId"] | null,
  ): void {
    const input = { orderId, amountFen, reason: "the customer asked for it", paymentId };
    const answer = this.#parts.world.act(account, requestRefund, input, "support");
    if (answer !== undefined) this.#follow(account, refundOf(account, orderId, answer.refundId));
  }

  /** What WeChat Pay says of a refund that it was asked for. */
  #follow(account: Account, refund: Refund): void {
    const { dice, now } = this.#parts.world;
    const firstMs = now() + dice.between(2, 90) * SECOND_MS;
    const fate = dice.next();
    if (fate < 0.78) return this.#tell(account, refund, "SUCCESS", firstMs);
    this.#tell(account, refund, "PROCESSING", firstMs);
    const laterMs = firstMs + dice.between(1, 72) * HOUR_MS;
    const edgeMs = nextMidnight(laterMs) - dice.between(0, 1);
    if (fate < 0.88) return this.#tell(account, refund, "SUCCESS", edgeMs);
    this.#tell(account, refund, "CLOSED", laterMs);
    // It was paid all the same.
    if (fate > 0.96) this.#tell(account, refund, "SUCCESS", laterMs + dice.between(1, 9) * HOUR_MS);
  }

  /** @param atMs WeChat Pay's own time, of which is told a moment later */
  #tell(account: Account, { orderId, refundId }: Refund, status: RefundStatus, atMs: number): void {
    const { agenda, world, provider } = this.#parts;
    agenda.plan(atMs + world.dice.between(200, 2_000), () => {
      const refund = refundOf(account, orderId, refundId);
      const { payments, refunds } = fileOf(account, orderId);
      const payment = payments.find(({ paymentId }) => paymentId === refund.paymentId)!;
      // It never lets more go back than came in: what was closed stays so once another one took its place.
      const elsewhereFen = refundedOf(refunds, refund.paymentId);
      if (refund.state === "CLOSED" && elsewhereFen + refund.amountFen > payment.amountFen) return;
      const trade = {
        outRefundNo: refundId,
        outTradeNo: orderId,
        transactionId: null,
        providerRefundId: `50${refundId.slice(4)}`,
        status,
        amountFen: refund.amountFen,
        totalFen: payment.amountFen,
        successTimeMs: status === "SUCCESS" ? atMs : null,
      };
      const { transactionId } = payment;
      const isFirst = refund.state === "REQUESTED";
      world.act(account, settleRefund, { orderId, refundId, trade, source: "QUERY" }, "wechat-pay");
      // Bills go by the day on which it was taken on.
      if (isFirst) provider.listRefund({ refund, transactionId, timeMs: atMs, status });
    });
  }
}

function fileOf(account: Account, orderId: OrderId): OrderFile {
  return account.orders.get(orderId)!;
}

function refundOf(account: Account, orderId: OrderId, refundId: RefundId): Refund {
  return fileOf(account, orderId).refunds.find((refund) => refund.refundId === refundId)!;
}

/** All of it, or some part that divides into nothing evenly. */
function amountOf({ amountFen, refundedFen }: Order, kind: number, share: number): bigint {
  const left = amountFen - refundedFen;
  if (kind < 0.45) return left;
  const part = (left * BigInt(Math.floor(share * 1_000))) / 1_000n;
  return part < 1n ? 1n : part;
}

/** At once, in the first days, while it runs, and long after it has ended. */
function waitMs(kind: number, share: number): number {
  if (kind < 0.25) return Math.round(2 * MINUTE_MS + share * 3 * HOUR_MS);
  if (kind < 0.6) return Math.round(MINUTE_MS + share * 7 * DAY_MS);
  if (kind < 0.88) return Math.round(MINUTE_MS + share * 40 * DAY_MS);
  return Math.round((60 + share * 140) * DAY_MS);
}
