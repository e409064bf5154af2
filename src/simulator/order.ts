import type { Merchant } from "./merchant.ts";
import { rfc3339 } from "./time.ts";

export type Product = "native" | "jsapi" | "app" | "h5";
export type TradeState = "SUCCESS" | "REFUND" | "NOTPAY" | "CLOSED" | "REVOKED" | "USERPAYING" | "PAYERROR";

export const TRADE_TYPES: Readonly<Record<Product, string>> = {
  native: "NATIVE",
  jsapi: "JSAPI",
  app: "APP",
  h5: "MWEB",
};

export const STATE_WORDS: Readonly<Record<TradeState, string>> = {
  SUCCESS: "支付成功",
  REFUND: "订单发生过退款，退款详情请查询退款单",
  NOTPAY: "订单未支付",
  CLOSED: "订单已关闭",
  REVOKED: "订单已撤销",
  USERPAYING: "用户支付中",
  PAYERROR: "支付失败",
};

/** What the merchant hands to the user, and until when it leads to the cashier. */
export interface Prepay {
  readonly prepayId: string;
  /** The code_url, the h5_url or the prepay_id itself. */
  readonly handle: string;
  readonly untilMs: number;
}

export interface Payment {
  readonly transactionId: string;
  readonly successMs: number;
  readonly openid: string;
  readonly bankType: string;
  readonly couponFen: bigint;
}

export interface Order {
  readonly merchant: Merchant;
  readonly appid: string;
  readonly product: Product;
  readonly outTradeNo: string;
  readonly description: string;
  readonly attach: string;
  readonly deviceId: string | null;
  readonly notifyUrl: string;
  readonly totalFen: bigint;
  /** The only one who may pay it, for JSAPI. */
  readonly payerOpenid: string | null;
  /** All parameters of the first request, to compare a repeated one with. */
  readonly fingerprint: string;
  readonly createMs: number;
  /** The last moment at which it can be paid. */
  readonly expireMs: number;
  prepay: Prepay;
  state: TradeState;
  /** Who stands at the cashier with it. */
  payerAtCashier: string | null;
  payment: Payment | null;
}

/** The object that queries answer and that payment callbacks carry. */
export function transactionOf(order: Order): Record<string, unknown> {
  const { payment, merchant, totalFen, state } = order;
  const head = {
    appid: order.appid,
    mchid: merchant.mchid,
    out_trade_no: order.outTradeNo,
    trade_state: state,
    trade_state_desc: STATE_WORDS[state],
    attach: order.attach,
    ...(order.deviceId === null ? {} : { scene_info: { device_id: order.deviceId } }),
  };
  if (payment === null) {
    const amount = { total: totalFen, currency: "CNY", payer_currency: "CNY" };
    return { ...head, amount, payer: {}, promotion_detail: [] };
  }
  return {
    ...head,
    transaction_id: payment.transactionId,
    trade_type: TRADE_TYPES[order.product],
    bank_type: payment.bankType,
    success_time: rfc3339(payment.successMs),
    payer: { openid: payment.openid },
    amount: {
      total: totalFen,
      payer_total: totalFen - payment.couponFen,
      currency: "CNY",
      payer_currency: "CNY",
    },
    promotion_detail: promotions(payment),
  };
}

function promotions({ couponFen, transactionId }: Payment): Record<string, unknown>[] {
  if (couponFen === 0n) return [];
  const coupon = {
    coupon_id: transactionId.slice(-10),
    name: "微信支付代金券",
    scope: "GLOBAL",
    type: "CASH",
    amount: couponFen,
    stock_id: transactionId.slice(-8),
    wechatpay_contribute: couponFen,
    merchant_contribute: 0n,
    other_contribute: 0n,
    currency: "CNY",
  };
  return [coupon];
}

/** Amounts stay far below 2^53, so they are exact as JSON numbers. */
export function json(value: unknown): Buffer {
  return Buffer.from(
    JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? Number(item) : item)),
  );
}
