/** The trade bill with all its kinds of rows (documentation: "交易账单"): a day's payments and refunds. */
import type { Fen } from "../billing/money.ts";
import { sum } from "../billing/money.ts";
import { BillFault, mustAddUp, readTable, type BillRow } from "./bill-table.ts";

export interface TradeBillRow {
  /** In the file, from 1. */
  readonly line: number;
  /** Of a payment, when it succeeded; of a refund, when it was accepted. Milliseconds since 1970. */
  readonly timeMs: number;
  readonly appid: string;
  readonly mchid: string;
  readonly transactionId: string;
  readonly outTradeNo: string;
  readonly openid: string;
  readonly tradeType: string;
  /** `SUCCESS` for a payment, `REFUND` or `REVOKED` for money that goes back. */
  readonly tradeState: string;
  readonly currency: string;
  /** What the order is about; 0 in rows of refunds. */
  readonly orderFen: Fen;
  /** What is settled with the merchant, coupons of the merchant's own taken off. */
  readonly settlementFen: Fen;
  readonly couponFen: Fen;
  /** Null in rows of payments. */
  readonly refund: TradeBillRefund | null;
  readonly description: string;
  readonly attach: string;
  /** Bills have five decimals of yuan here. Negative where a fee comes back. */
  readonly feeMicroYuan: bigint;
  /** Such as `0.60%`. */
  readonly feeRate: string;
}

export interface TradeBillRefund {
  readonly refundId: string;
  readonly outRefundNo: string;
  /** What was asked to go back. */
  readonly requestedFen: Fen;
  readonly refundFen: Fen;
  readonly couponFen: Fen;
  /** `ORIGINAL` and the like. */
  readonly type: string;
  /** As it was when the bill was made; it's never brought up to date. */
  readonly status: string;
}

export interface TradeBill {
  readonly rows: readonly TradeBillRow[];
  /** From the summary, which the rows were found to agree with. */
  readonly totals: {
    readonly orderFen: Fen;
    readonly settlementFen: Fen;
    readonly refundFen: Fen;
    readonly requestedRefundFen: Fen;
    readonly feeMicroYuan: bigint;
  };
}

const FEN = 2;
const MICRO = 6;
/** Fees have five decimals in rows, and the summary shows them rounded to as few as two. */
const SUMMARY_FEE_DECIMALS = 2;

/** The names of a column, today's first. The layout before 2019 has others, and lacks the last two. */
const COLUMN = {
  settlement: ["应结订单金额", "总金额"],
  coupon: ["代金券金额", "企业红包金额"],
  couponRefund: ["充值券退款金额", "企业红包退款金额"],
  order: ["订单金额", "总金额"],
  requestedRefund: ["申请退款金额", "退款金额"],
} as const;
const TOTAL = {
  settlement: ["应结订单总金额", "总交易额", "总金额"],
  refund: ["退款总金额", "总退款金额"],
  couponRefund: ["充值券退款总金额", "总企业红包退款金额"],
  order: ["订单总金额", "应结订单总金额", "总交易额", "总金额"],
  requestedRefund: ["申请退款总金额", "退款总金额", "总退款金额"],
} as const;

/**
 * @param bytes the bill as `tradeBill` gives it
 * @throws BillFault with the line when anything is not understood, or doesn't add up
 */
export function parseTradeBill(bytes: Uint8Array): TradeBill {
  const table = readTable(bytes);
  const rows = table.rows.map(readRow);
  return { rows, totals: checkedTotals(table.summary, table.rows, rows) };
}

function readRow(row: BillRow): TradeBillRow {
  const tradeState = row.text("交易状态");
  return {
    line: row.line,
    timeMs: row.timeMs("交易时间"),
    appid: row.text("公众账号ID"),
    mchid: row.text("商户号"),
    transactionId: required(row, "微信订单号"),
    outTradeNo: required(row, "商户订单号"),
    openid: row.text("用户标识"),
    tradeType: row.text("交易类型"),
    tradeState,
    currency: row.text("货币种类"),
    orderFen: row.yuan(FEN, ...COLUMN.order),
    settlementFen: row.yuan(FEN, ...COLUMN.settlement),
    couponFen: row.yuan(FEN, ...COLUMN.coupon),
    refund: readRefund(row, tradeState),
    description: row.text("商品名称"),
    attach: row.text("商户数据包"),
    feeMicroYuan: row.yuan(MICRO, "手续费"),
    feeRate: row.text("费率"),
  };
}

/** Rows of payments have a 0, or nothing, where refunds have their numbers. */
function readRefund(row: BillRow, tradeState: string): TradeBillRefund | null {
  const refundId = row.text("微信退款单号");
  const isPayment = refundId === "" || refundId === "0";
  if (isPayment !== (tradeState === "SUCCESS")) {
    throw new BillFault("交易状态 and 微信退款单号 contradict each other", row.line);
  }
  if (isPayment) return null;
  return {
    refundId,
    outRefundNo: required(row, "商户退款单号"),
    requestedFen: row.yuan(FEN, ...COLUMN.requestedRefund),
    refundFen: row.yuan(FEN, "退款金额"),
    couponFen: row.yuan(FEN, ...COLUMN.couponRefund),
    type: row.text("退款类型"),
    status: row.text("退款状态"),
  };
}

function required(row: BillRow, name: string): string {
  const text = row.text(name);
  if (text === "" || text === "0") throw new BillFault(`${name} is empty`, row.line);
  return text;
}

/** Sums go over the columns, not over what was made of them: a row that was read wrongly has to show. */
function checkedTotals(
  summary: BillRow,
  cells: readonly BillRow[],
  rows: readonly TradeBillRow[],
): TradeBill["totals"] {
  mustAddUp(summary, "总交易单数", BigInt(summary.count("总交易单数")), BigInt(cells.length));
  const agreed = (totals: readonly string[], columns: readonly string[]) => {
    const said = summary.yuan(FEN, ...totals);
    mustAddUp(summary, totals[0]!, said, sum(cells.map((row) => row.yuan(FEN, ...columns))));
    return said;
  };
  agreed(TOTAL.couponRefund, COLUMN.couponRefund);
  return {
    orderFen: agreed(TOTAL.order, COLUMN.order),
    settlementFen: agreed(TOTAL.settlement, COLUMN.settlement),
    refundFen: agreed(TOTAL.refund, ["退款金额"]),
    requestedRefundFen: agreed(TOTAL.requestedRefund, COLUMN.requestedRefund),
    feeMicroYuan: checkedFees(summary, rows),
  };
}

function checkedFees(summary: BillRow, rows: readonly TradeBillRow[]): bigint {
  const name = "手续费总金额";
  const said = summary.yuan(MICRO, name);
  const counted = sum(rows.map(({ feeMicroYuan }) => feeMicroYuan));
  const [, fraction = ""] = summary.text(name).split(".");
  const shown = Math.max(SUMMARY_FEE_DECIMALS, Math.min(fraction.length, MICRO));
  mustAddUp(summary, name, said, rounded(counted, MICRO - shown));
  return counted;
}

/** Half away from zero, to a multiple of ten to the `digits`. */
function rounded(amount: bigint, digits: number): bigint {
  const unit = 10n ** BigInt(digits);
  const size = amount < 0n ? -amount : amount;
  const multiple = ((size + unit / 2n) / unit) * unit;
  return amount < 0n ? -multiple : multiple;
}
