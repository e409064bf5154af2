/** What a day's bills list. */
import type { BillKind, BillRow } from "./bill-layout.ts";
import { feeYuan, yuan } from "./bill-layout.ts";
import { feeFen, type LedgerEntry } from "./ledger.ts";
import { TRADE_TYPES, type Order, type Payment } from "./order.ts";
import { statusAt, successMs, type Refund, type RefundStatus } from "./refund.ts";
import { billTime, dayOf, DAY_MS, dayStartMs, HOUR_MS } from "./time.ts";

/** Bills are made at nine o'clock of the next day; what happens later isn't in them. */
const MADE_AT_MS = DAY_MS + 9 * HOUR_MS;

const REFUND_WORDS: Readonly<Record<RefundStatus, string>> = {
  PROCESSING: "PROCESSING",
  SUCCESS: "SUCCESS",
  CLOSED: "FAIL",
  ABNORMAL: "CHANGE",
};

interface Timed {
  readonly atMs: number;
  readonly row: BillRow;
}

/** Payments by the time of success, refunds by the time of acceptance; ordered by time. */
export function tradeRows(
  kind: Exclude<BillKind, "FUND">,
  day: string,
  orders: readonly Order[],
  refunds: readonly Refund[],
): BillRow[] {
  const timed: Timed[] = [];
  if (kind !== "REFUND") {
    for (const order of orders) {
      const { payment } = order;
      if (payment === null || dayOf(payment.successMs) !== day) continue;
      timed.push({ atMs: payment.successMs, row: paymentRow(order, payment) });
    }
  }
  if (kind !== "SUCCESS") {
    const madeMs = (dayStartMs(day) ?? 0) + MADE_AT_MS;
    for (const refund of refunds) {
      if (dayOf(refund.createMs) !== day) continue;
      timed.push({ atMs: refund.createMs, row: refundRow(kind, refund, madeMs) });
    }
  }
  return timed.sort((a, b) => a.atMs - b.atMs).map(({ row }) => row);
}

export function fundRows(day: string, entries: readonly LedgerEntry[]): BillRow[] {
  return entries
    .filter(({ atMs }) => dayOf(atMs) === day)
    .map((entry) => ({
      记账时间: billTime(entry.atMs),
      微信支付业务单号: entry.businessNo,
      资金流水单号: entry.flowNo,
      业务名称: entry.name,
      业务类型: entry.name,
      收支类型: entry.amountFen > 0n ? "收入" : "支出",
      "收支金额(元)": yuan(entry.amountFen > 0n ? entry.amountFen : -entry.amountFen),
      "账户结余(元)": yuan(entry.balanceFen),
      资金变更提交申请人: "system",
      备注: entry.remark,
      业务凭证号: entry.voucher,
    }));
}

function commonRow(order: Order, payment: Payment): BillRow {
  return {
    公众账号ID: order.appid,
    商户号: order.merchant.mchid,
    特约商户号: "0",
    设备号: order.deviceId ?? "",
    微信订单号: payment.transactionId,
    商户订单号: order.outTradeNo,
    用户标识: payment.openid,
    交易类型: TRADE_TYPES[order.product],
    付款银行: payment.bankType,
    货币种类: "CNY",
    商品名称: order.description,
    商户数据包: order.attach,
    费率: "0.60%",
  };
}

function paymentRow(order: Order, payment: Payment): BillRow {
  return {
    ...commonRow(order, payment),
    交易时间: billTime(payment.successMs),
    交易状态: "SUCCESS",
    应结订单金额: yuan(order.totalFen),
    代金券金额: yuan(payment.couponFen),
    微信退款单号: "0",
    商户退款单号: "0",
    退款金额: "0.00",
    充值券退款金额: "0.00",
    手续费: feeYuan(feeFen(order.totalFen)),
    订单金额: yuan(order.totalFen),
    申请退款金额: "0.00",
  };
}

function refundRow(kind: BillKind, refund: Refund, madeMs: number): BillRow {
  const { order, refundFen } = refund;
  const { payment } = order;
  if (payment === null) throw new Error("only what was paid is refunded");
  const payerFen = (refundFen * (order.totalFen - payment.couponFen)) / order.totalFen;
  const arrivedMs = successMs(refund);
  const arrived = arrivedMs !== null && arrivedMs <= madeMs;
  return {
    ...commonRow(order, payment),
    交易时间: billTime(kind === "ALL" ? refund.createMs : payment.successMs),
    交易状态: "REFUND",
    应结订单金额: "0.00",
    代金券金额: "0.00",
    退款申请时间: billTime(refund.createMs),
    退款成功时间: arrived ? billTime(arrivedMs) : "",
    微信退款单号: refund.refundId,
    商户退款单号: refund.outRefundNo,
    退款金额: yuan(refundFen),
    充值券退款金额: yuan(refundFen - payerFen),
    退款类型: "ORIGINAL",
    退款状态: REFUND_WORDS[statusAt(refund, madeMs)],
    手续费: feeYuan(-refund.feeBackFen),
    订单金额: "0.00",
    申请退款金额: yuan(refundFen),
  };
}
