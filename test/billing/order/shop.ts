/** A world in which things are sold: its products, and what the provider would say. */
import type { Pack } from "../../../src/billing/catalog/pack.ts";
import type { Plan } from "../../../src/billing/catalog/plan.ts";
import { DAY_MS } from "../../../src/billing/clock.ts";
import type { OrderId, PackId, PlanId, RefundId, UserId } from "../../../src/billing/id.ts";
import { registerUser } from "../../../src/billing/membership/register-user.ts";
import type { RefundStatus, RefundTrade, Trade } from "../../../src/billing/order/gateway.ts";
import type { Order, Refund } from "../../../src/billing/order/order.ts";
import { placeOrder } from "../../../src/billing/order/place-order.ts";
import { requestRefund } from "../../../src/billing/order/request-refund.ts";
import { settlePayment, type SettledAnswer } from "../../../src/billing/order/settle-payment.ts";
import { settleRefund } from "../../../src/billing/order/settle-refund.ts";
import { World } from "../support/world.ts";

export const MONTH: Plan = {
  planId: "month" as PlanId,
  version: 1,
  displayName: "会员月卡",
  priceFen: 9_900n,
  periodMonths: 1,
  periodDays: 0,
  quotaAmount: 300n,
  quotaPriority: 50,
  rollover: "NONE",
  trial: false,
};

export const PACK: Pack = {
  packId: "pack" as PackId,
  version: 1,
  displayName: "加油包",
  priceFen: 3_900n,
  quotaAmount: 100n,
  quotaPriority: 60,
  validDays: 90,
};

export class Shop extends World {
  override products = {
    findPlan: (id: PlanId) => (id === MONTH.planId ? this.month : undefined),
    findPack: (id: PackId) => (id === PACK.packId ? PACK : undefined),
  };
  month: Plan = MONTH;
  #payments = 0;

  register(name: string): UserId {
    const userId = name as UserId;
    this.accept(registerUser, { userId });
    return userId;
  }

  buy(userId: UserId, quantity = 1, product: "month" | "pack" = "month"): OrderId {
    const named = product === "month" ? { planId: MONTH.planId } : { packId: PACK.packId };
    const input = {
      userId,
      product: named,
      quantity,
      channel: "NATIVE",
      payerOpenid: null,
      clientIp: null,
    } as const;
    return this.accept(placeOrder, input).orderId;
  }

  order(orderId: OrderId): Order {
    return this.orders.get(orderId)!.order;
  }

  refund(refundId: RefundId): Refund {
    const all = [...this.orders.values()].flatMap(({ refunds }) => refunds);
    return all.find((refund) => refund.refundId === refundId)!;
  }

  /** A payment as the provider would tell of it, with a number of its own. */
  trade(orderId: OrderId, more: Partial<Trade> = {}): Trade {
    return {
      outTradeNo: orderId,
      state: "SUCCESS",
      transactionId: `4200${(this.#payments += 1)}`,
      totalFen: this.order(orderId).amountFen,
      payerTotalFen: this.order(orderId).amountFen,
      currency: "CNY",
      successTimeMs: this.nowMs,
      payerOpenid: "o-payer",
      tradeType: "NATIVE",
      ...more,
    };
  }

  settle(orderId: OrderId, trade = this.trade(orderId)): SettledAnswer {
    const { userId } = this.order(orderId);
    return this.accept(
      settlePayment,
      { orderId, trade, source: "CALLBACK" },
      { key: null, userId },
    );
  }

  /** Buys and pays. */
  bought(userId: UserId, quantity = 1, product: "month" | "pack" = "month"): OrderId {
    const orderId = this.buy(userId, quantity, product);
    this.settle(orderId);
    return orderId;
  }

  payBack(orderId: OrderId, amountFen: bigint): RefundId {
    const input = { orderId, amountFen, reason: "test", paymentId: null };
    return this.accept(requestRefund, input).refundId;
  }

  hear(refundId: RefundId, status: RefundStatus, more: Partial<RefundTrade> = {}) {
    const { orderId, userId, amountFen } = this.refund(refundId);
    const trade: RefundTrade = {
      outRefundNo: refundId,
      outTradeNo: orderId,
      transactionId: null,
      providerRefundId: `50${refundId.slice(-10)}`,
      status,
      amountFen,
      totalFen: this.order(orderId).amountFen,
      successTimeMs: status === "SUCCESS" ? this.nowMs : null,
      ...more,
    };
    return this.accept(
      settleRefund,
      { orderId, refundId, trade, source: "QUERY" },
      { key: null, userId },
    );
  }

  /** What the user can use now and later: open lots, and those that wait. */
  promised(userId: UserId): bigint {
    let total = 0n;
    for (const lot of this.lots.values()) {
      if (lot.userId !== userId || lot.sourceKind !== "ORDER") continue;
      if (lot.state === "OPEN") total += lot.remaining;
      if (lot.state === "SCHEDULED") total += lot.amount;
    }
    return total;
  }

  days(count: number): void {
    this.nowMs += count * DAY_MS;
  }
}
