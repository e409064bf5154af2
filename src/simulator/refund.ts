import type { Order } from "./order.ts";
import { rfc3339 } from "./time.ts";

export type RefundStatus = "PROCESSING" | "SUCCESS" | "CLOSED" | "ABNORMAL";
export type RefundOutcome = Exclude<RefundStatus, "PROCESSING">;

export interface Refund {
  readonly order: Order;
  readonly refundId: string;
  readonly outRefundNo: string;
  readonly refundFen: bigint;
  /** What WeChat Pay gives back of its fee. */
  readonly feeBackFen: bigint;
  readonly notifyUrl: string | null;
  readonly fundsAccount: "AVAILABLE" | "UNSETTLED";
  readonly fingerprint: string;
  readonly createMs: number;
  /** Every status with the moment from which it holds; the first is PROCESSING. */
  readonly history: { readonly atMs: number; readonly status: RefundStatus }[];
}

export function statusOf(refund: Refund): RefundStatus {
  return refund.history.at(-1)?.status ?? "PROCESSING";
}

/** The status that held at a moment. */
export function statusAt(refund: Refund, atMs: number): RefundStatus {
  return refund.history.findLast((each) => each.atMs <= atMs)?.status ?? "PROCESSING";
}

/** When the payer had the money, null while that isn't so. */
export function successMs(refund: Refund): number | null {
  return refund.history.find(({ status }) => status === "SUCCESS")?.atMs ?? null;
}

/** The object that the refund endpoints answer. */
export function refundOf(refund: Refund): Record<string, unknown> {
  const { order, refundFen } = refund;
  const { payerTotal, payerRefund } = shares(refund);
  return {
    refund_id: refund.refundId,
    out_refund_no: refund.outRefundNo,
    transaction_id: order.payment?.transactionId,
    out_trade_no: order.outTradeNo,
    channel: "ORIGINAL",
    user_received_account: RECEIVED,
    ...successTime(refund),
    create_time: rfc3339(refund.createMs),
    status: statusOf(refund),
    funds_account: refund.fundsAccount,
    amount: {
      total: order.totalFen,
      refund: refundFen,
      from: [],
      payer_total: payerTotal,
      payer_refund: payerRefund,
      settlement_refund: refundFen,
      settlement_total: order.totalFen,
      discount_refund: refundFen - payerRefund,
      currency: "CNY",
      refund_fee: refund.feeBackFen,
    },
    promotion_detail: [],
  };
}

/** The object that refund callbacks carry: `refund_status`, and fewer amounts. */
export function refundNewsOf(refund: Refund): Record<string, unknown> {
  const { order, refundFen } = refund;
  const { payerTotal, payerRefund } = shares(refund);
  return {
    mchid: order.merchant.mchid,
    transaction_id: order.payment?.transactionId,
    out_trade_no: order.outTradeNo,
    refund_id: refund.refundId,
    out_refund_no: refund.outRefundNo,
    refund_status: statusOf(refund),
    ...successTime(refund),
    user_received_account: RECEIVED,
    amount: {
      total: order.totalFen,
      refund: refundFen,
      payer_total: payerTotal,
      payer_refund: payerRefund,
    },
  };
}

const RECEIVED = "支付用户零钱";

function successTime(refund: Refund): { success_time?: string } {
  const atMs = successMs(refund);
  return atMs === null ? {} : { success_time: rfc3339(atMs) };
}

/** A coupon's part of a payment doesn't go back to the payer. */
function shares({ order, refundFen }: Refund): { payerTotal: bigint; payerRefund: bigint } {
  const payerTotal = order.totalFen - (order.payment?.couponFen ?? 0n);
  return { payerTotal, payerRefund: (refundFen * payerTotal) / order.totalFen };
}
