/** Orders and refunds as WeChat Pay writes them, checked and turned into the port's. Unknown fields pass. */
import { z } from "zod";
import type { RefundTrade, Trade } from "../billing/order/gateway.ts";

/** Whole fen; JSON numbers beyond 2^53 are refused, since they may have been rounded. */
const fen = z.int().nonnegative();
const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const number = z.string().min(1).max(64);
/** What isn't said is absent, null or empty, as it pleases them. */
const said = <T extends z.ZodType>(type: T) =>
  z.preprocess((value) => (value === null || value === "" ? undefined : value), type.optional());

const trade = z.object({
  appid: number,
  mchid: number,
  out_trade_no: number,
  transaction_id: said(number),
  trade_type: said(z.string().max(32)),
  trade_state: z.enum([
    "SUCCESS",
    "REFUND",
    "NOTPAY",
    "CLOSED",
    "REVOKED",
    "USERPAYING",
    "PAYERROR",
    "ACCEPT",
  ]),
  success_time: said(time),
  payer: said(z.object({ openid: said(z.string().max(128)) })),
  amount: said(
    z.object({ total: said(fen), payer_total: said(fen), currency: said(z.string().max(16)) }),
  ),
});

const refundAmount = z.object({ total: fen, refund: fen });
const refundStatus = z.enum(["PROCESSING", "SUCCESS", "CLOSED", "ABNORMAL"]);
const refundBase = z.object({
  refund_id: number,
  out_refund_no: number,
  transaction_id: said(number),
  out_trade_no: number,
  success_time: said(time),
  amount: refundAmount,
});
/** Answers call it `status`, callbacks `refund_status`; only callbacks name the merchant. */
const refund = refundBase.extend({ status: refundStatus });
const refundNotice = refundBase.extend({ refund_status: refundStatus, mchid: number });

export interface Owner {
  readonly appid: string | null;
  readonly mchid: string;
}

/** Undefined for what breaks the schema, and for a payment that doesn't say what was paid, when and how. */
export function readTrade(value: unknown): (Owner & { readonly trade: Trade }) | undefined {
  const { data } = trade.safeParse(value);
  if (data === undefined) return undefined;
  const { appid, mchid, amount, transaction_id, success_time } = data;
  const paid = data.trade_state === "SUCCESS";
  if (paid && [transaction_id, success_time, amount?.total].includes(undefined)) return undefined;
  return {
    appid,
    mchid,
    trade: {
      outTradeNo: data.out_trade_no,
      state: data.trade_state,
      transactionId: transaction_id ?? null,
      totalFen: fenOf(amount?.total),
      payerTotalFen: fenOf(amount?.payer_total),
      currency: amount?.currency ?? null,
      successTimeMs: success_time ?? null,
      payerOpenid: data.payer?.openid ?? null,
      tradeType: data.trade_type ?? null,
    },
  };
}

/** Undefined for what breaks the schema. */
export function readRefund(value: unknown): RefundTrade | undefined {
  const { data } = refund.safeParse(value);
  return data && refundOf(data, data.status);
}

export function readRefundNotice(
  value: unknown,
): (Owner & { readonly refund: RefundTrade }) | undefined {
  const { data } = refundNotice.safeParse(value);
  return data && { appid: null, mchid: data.mchid, refund: refundOf(data, data.refund_status) };
}

function refundOf(data: z.infer<typeof refundBase>, status: RefundTrade["status"]): RefundTrade {
  return {
    outRefundNo: data.out_refund_no,
    outTradeNo: data.out_trade_no,
    transactionId: data.transaction_id ?? null,
    providerRefundId: data.refund_id,
    status,
    amountFen: BigInt(data.amount.refund),
    totalFen: BigInt(data.amount.total),
    successTimeMs: data.success_time ?? null,
  };
}

function fenOf(amount: number | undefined): bigint | null {
  return amount === undefined ? null : BigInt(amount);
}

/** Undefined for what is no JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
