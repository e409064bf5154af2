/** Books with one of everything that can happen to quota, money and memberships, made by lawful ways only. */
import { requestApproval } from "../../src/billing/catalog/request-approval.ts";
import { approve } from "../../src/billing/catalog/decide-approval.ts";
import { campaignChanges } from "../../src/billing/catalog/offer-changes.ts";
import { DAY_MS, HOUR_MS } from "../../src/billing/clock.ts";
import type {
  CampaignId,
  OrderId,
  PackId,
  PlanId,
  RefundId,
  UserId,
} from "../../src/billing/id.ts";
import { lapseMembership } from "../../src/billing/membership/lapse-membership.ts";
import { redeemCampaign } from "../../src/billing/membership/redeem-campaign.ts";
import { resumeUser, suspendUser } from "../../src/billing/membership/suspend-user.ts";
import type { RefundTrade, Trade } from "../../src/billing/order/gateway.ts";
import { markClosed } from "../../src/billing/order/mark-closed.ts";
import { placeOrder } from "../../src/billing/order/place-order.ts";
import { requestRefund } from "../../src/billing/order/request-refund.ts";
import { settlePayment } from "../../src/billing/order/settle-payment.ts";
import { settleRefund } from "../../src/billing/order/settle-refund.ts";
import { commitQuota } from "../../src/billing/quota/commit-quota.ts";
import { expireReservation } from "../../src/billing/quota/expire-reservation.ts";
import { refundQuota } from "../../src/billing/quota/refund-quota.ts";
import { settleLots } from "../../src/billing/quota/settle-lots.ts";
import { createCatalogBooks } from "../../src/store/catalog-books.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { command, unique, type Bank } from "./bank.ts";

const MONTH = { planId: "membership-monthly" as PlanId };
const PACK = { packId: "quota-pack-100" as PackId };
const FAULT = { reason: "SYSTEM_ERROR", failedStep: "render", detail: "" } as const;

/** A campaign that runs, decided by two people. */
export async function runCampaign(bank: Bank): Promise<CampaignId> {
  const orm = await openOrm({ url: bank.url, poolMax: 2 });
  const books = createCatalogBooks(orm, bank.context);
  const campaignId = unique("campaign-") as CampaignId;
  const ada = { caller: { name: "ada" } };
  const given = {
    campaignId,
    version: 0,
    displayName: "gift",
    quotaAmount: 10n,
    quotaPriority: 20,
    validDays: 7,
    startTimeMs: Date.now() - HOUR_MS,
    endTimeMs: Date.now() + 300 * DAY_MS,
    budgetAmount: 1_000n,
    perUserLimit: 2,
  } as const;
  try {
    await books.serve(campaignChanges.create, command(given));
    const matter = { kind: "CAMPAIGN", campaignVersion: { campaignId, version: 1 } } as const;
    const asked = { ...command({ matter, reason: "a test" }), ...ada };
    const { answer } = await books.serve(requestApproval, asked);
    const { approvalId } = answer.approval;
    await books.serve(approve, {
      ...command({ approvalId, note: "fine" }),
      caller: { name: "bob" },
    });
    await books.serve(campaignChanges.publish, command({ offerId: campaignId, version: 1 }));
  } finally {
    await closeOrm(orm);
  }
  return campaignId;
}

/** Commands of WeChat Pay's side, booked as if it had said so. */
export function tillOf(bank: Bank) {
  const placed = async (userId: UserId, product: typeof MONTH | typeof PACK, quantity = 1) => {
    const input = {
      userId,
      product,
      quantity,
      channel: "NATIVE",
      payerOpenid: null,
      clientIp: null,
    } as const;
    const { answer } = await bank.send(placeOrder, input);
    return answer.order!;
  };
  const tradeOf = async (orderId: OrderId, more: Partial<Trade> = {}): Promise<Trade> => {
    const [row] = await bank.sql(`select amount_fen from orders where order_id = '${orderId}'`);
    return {
      outTradeNo: orderId,
      state: "SUCCESS",
      transactionId: unique("4200"),
      totalFen: BigInt(row!["amount_fen"] as string),
      payerTotalFen: null,
      currency: "CNY",
      successTimeMs: bank.context.timeOf(Date.now()),
      payerOpenid: null,
      tradeType: null,
      ...more,
    };
  };
  const settle = (userId: UserId, orderId: OrderId, trade: Trade) =>
    bank.send(settlePayment, { orderId, trade, source: "CALLBACK" }, { userId });
  const refundTrade = async (
    refundId: RefundId,
    status: RefundTrade["status"],
  ): Promise<RefundTrade> => {
    const [row] =
      await bank.sql(`select r.order_id, r.amount_fen, p.amount_fen as total from refunds r
      join payments p on p.payment_id = r.payment_id where r.refund_id = '${refundId}'`);
    return {
      outRefundNo: refundId,
      outTradeNo: row!["order_id"] as string,
      transactionId: null,
      providerRefundId: unique("50"),
      status,
      amountFen: BigInt(row!["amount_fen"] as string),
      totalFen: BigInt(row!["total"] as string),
      successTimeMs: status === "SUCCESS" ? bank.context.timeOf(Date.now()) : null,
    };
  };
  return {
    placed,
    tradeOf,
    settle,
    async bought(
      userId: UserId,
      product: typeof MONTH | typeof PACK,
      quantity = 1,
    ): Promise<OrderId> {
      const { orderId } = await placed(userId, product, quantity);
      await settle(userId, orderId, await tradeOf(orderId));
      return orderId;
    },
    async refund(userId: UserId, orderId: OrderId, amountFen: bigint): Promise<RefundId> {
      const input = { orderId, amountFen, reason: "test", paymentId: null };
      return (await bank.send(requestRefund, input, { userId })).answer.refundId;
    },
    async told(userId: UserId, refundId: RefundId, status: RefundTrade["status"]): Promise<void> {
      const trade = await refundTrade(refundId, status);
      const orderId = trade.outTradeNo as OrderId;
      await bank.send(settleRefund, { orderId, refundId, trade, source: "QUERY" }, { userId });
    },
    close: (userId: UserId, orderId: OrderId) =>
      bank.send(markClosed, { orderId, reason: "test", source: "CALL" }, { userId }),
  };
}

/** Reservations in every state, and by every way to it. */
async function useQuota(bank: Bank): Promise<UserId> {
  const userId = await bank.member(60);
  await bank.reserve(userId, { quantity: 3 });
  const whole = await bank.reserve(userId, { quantity: 4 });
  await bank.send(
    commitQuota,
    { reservationId: whole.reservationId, actualAmount: null },
    { userId },
  );
  const part = await bank.reserve(userId, { quantity: 5 });
  await bank.send(commitQuota, { reservationId: part.reservationId, actualAmount: 2n }, { userId });
  const back = (reservationId: typeof whole.reservationId) =>
    bank.send(refundQuota, { target: { reservationId }, ...FAULT }, { userId });
  await back(part.reservationId);
  await back(part.reservationId);
  const early = await bank.reserve(userId, { quantity: 2 });
  await back(early.reservationId);
  const stranded = await Promise.all(
    [1, 2, 3].map(() => bank.reserve(userId, { quantity: 2, ttlMs: 1_000 })),
  );
  bank.advance(2_000);
  for (const { reservationId } of stranded) {
    await bank.send(expireReservation, { userId, reservationId });
  }
  await bank.send(
    commitQuota,
    { reservationId: stranded[0]!.reservationId, actualAmount: 1n },
    { userId },
  );
  await back(stranded[1]!.reservationId);
  return userId;
}

/** Orders and refunds in every state. */
async function buyThings(bank: Bank): Promise<UserId> {
  const till = tillOf(bank);
  const userId = await bank.member(10);
  await till.placed(userId, MONTH);
  const closed = await till.placed(userId, PACK);
  await till.close(userId, closed.orderId);
  bank.advance(60_000);
  await till.settle(userId, closed.orderId, await till.tradeOf(closed.orderId));
  const strange = await till.placed(userId, PACK);
  await till.settle(userId, strange.orderId, await till.tradeOf(strange.orderId, { totalFen: 1n }));
  const pack = await till.bought(userId, PACK, 2);
  const [row] = await bank.sql(`select amount_fen from orders where order_id = '${pack}'`);
  const whole = await till.refund(userId, pack, BigInt(row!["amount_fen"] as string));
  await till.told(userId, whole, "SUCCESS");
  await till.bought(userId, PACK);
  const plan = await till.bought(userId, MONTH, 3);
  bank.advance(DAY_MS);
  const part = await till.refund(userId, plan, 4_000n);
  await till.told(userId, part, "PROCESSING");
  bank.advance(DAY_MS);
  const given = await till.refund(userId, plan, 10_000n);
  await till.told(userId, given, "CLOSED");
  bank.advance(DAY_MS);
  const late = await till.refund(userId, plan, 5_000n);
  await till.told(userId, late, "CLOSED");
  await till.told(userId, late, "SUCCESS");
  await till.settle(userId, plan, await till.tradeOf(plan));
  return userId;
}

export interface LedgerWorld {
  readonly user: UserId;
  readonly buyer: UserId;
  readonly campaignId: CampaignId;
}

/** @param bank of its own: its time is moved by months */
export async function makeLedgerWorld(bank: Bank): Promise<LedgerWorld> {
  const campaignId = await runCampaign(bank);
  const user = await useQuota(bank);
  const buyer = await buyThings(bank);
  for (const userId of [user, user, buyer]) await bank.send(redeemCampaign, { userId, campaignId });
  await bank.send(suspendUser, { userId: buyer, reason: "test" });
  await bank.send(resumeUser, { userId: buyer, reason: "test" });
  const leaver = await bank.member(10);
  await bank.send(suspendUser, { userId: leaver, reason: "test" });
  const lastHold = await bank.reserve(user, { quantity: 3, ttlMs: HOUR_MS });
  // What was redeemed and the trial lapse; the hold comes back to lots whose time is over.
  bank.advance(35 * DAY_MS);
  for (const userId of [user, buyer, leaver]) {
    await bank.send(lapseMembership, { userId });
    await bank.send(settleLots, { userId });
  }
  const { reservationId } = lastHold;
  await bank.send(refundQuota, { target: { reservationId }, ...FAULT }, { userId: user });
  const till = tillOf(bank);
  await till.bought(user, MONTH, 2);
  await bank.reserve(user, { quantity: 7 });
  return { user, buyer, campaignId };
}
