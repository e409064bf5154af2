/** What a merchant may send about refunds. */
import { paramError } from "./refusal.ts";
import {
  integer,
  list,
  notifyUrl,
  object,
  oneOf,
  optional,
  readBody,
  required,
  text,
  textOrEmpty,
} from "./schema.ts";

const OUT_REFUND_NO = /^[0-9A-Za-z_\-|*@]+$/;
const GOODS_MAX = 6_000;

const outRefundNo = required(text(64, OUT_REFUND_NO, "应为数字、字母、_、-、|、*、@"));

const RULES = {
  transaction_id: optional(text(32)),
  out_trade_no: optional(text(32)),
  out_refund_no: outRefundNo,
  reason: optional(textOrEmpty(80)),
  notify_url: optional(notifyUrl(256)),
  funds_account: optional(oneOf("AVAILABLE", "UNSETTLED")),
  amount: required(
    object({
      refund: required(integer(1n)),
      total: required(integer(1n)),
      currency: required(oneOf("CNY")),
      from: optional(
        list(
          object({
            account: required(oneOf("AVAILABLE", "UNAVAILABLE")),
            amount: required(integer(1n)),
          }),
          2,
        ),
      ),
    }),
  ),
  goods_detail: optional(
    list(
      object({
        merchant_goods_id: required(text(32)),
        wechatpay_goods_id: optional(text(32)),
        goods_name: optional(text(256)),
        unit_price: required(integer(0n)),
        refund_amount: required(integer(0n)),
        refund_quantity: required(integer(1n)),
      }),
      GOODS_MAX,
    ),
  ),
};

export interface RefundRequest {
  readonly transaction_id?: string;
  readonly out_trade_no?: string;
  readonly out_refund_no: string;
  readonly notify_url?: string;
  readonly funds_account?: "AVAILABLE" | "UNSETTLED";
  readonly amount: { readonly refund: bigint; readonly total: bigint };
}

/** @throws ApiError PARAM_ERROR */
export function readRefundRequest(body: Buffer): RefundRequest {
  const request = readBody(body, RULES) as unknown as RefundRequest;
  const named = [request.transaction_id, request.out_trade_no].filter((name) => name !== undefined);
  if (named.length !== 1) {
    throw paramError("/transaction_id", "", "transaction_id与out_trade_no二选一");
  }
  return request;
}

const ABNORMAL_RULES = {
  out_refund_no: outRefundNo,
  type: required(oneOf("USER_BANK_CARD", "MERCHANT_BANK_CARD")),
  bank_type: optional(text(16)),
  bank_account: optional(text(1024)),
  real_name: optional(text(1024)),
};

export interface AbnormalRequest {
  readonly out_refund_no: string;
  readonly type: "USER_BANK_CARD" | "MERCHANT_BANK_CARD";
  readonly bank_type?: string;
  /** Encrypted. */
  readonly bank_account?: string;
  /** Encrypted. */
  readonly real_name?: string;
}

/** @throws ApiError PARAM_ERROR */
export function readAbnormalRequest(body: Buffer): AbnormalRequest {
  const request = readBody(body, ABNORMAL_RULES) as unknown as AbnormalRequest;
  if (request.type === "USER_BANK_CARD") {
    for (const name of ["bank_type", "bank_account", "real_name"] as const) {
      if (request[name] === undefined) throw paramError(`/${name}`, "", "退款至用户银行卡时必填");
    }
  }
  return request;
}
