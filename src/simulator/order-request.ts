/** What a merchant may send to create an order. */
import type { Product } from "./order.ts";
import { paramError } from "./refusal.ts";
import {
  flag,
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
  type Fields,
} from "./schema.ts";
import { parseRfc3339 } from "./time.ts";

const OUT_TRADE_NO = /^[0-9A-Za-z_\-|*]{6,32}$/;
/** As many kinds of goods as one order may list. */
const GOODS_MAX = 6_000;

const GOODS = object({
  merchant_goods_id: required(text(32)),
  wechatpay_goods_id: optional(text(32)),
  goods_name: optional(text(256)),
  quantity: required(integer(1n)),
  unit_price: required(integer(0n)),
});

const STORE = object({
  id: required(text(32)),
  name: optional(textOrEmpty(256)),
  area_code: optional(textOrEmpty(32)),
  address: optional(textOrEmpty(512)),
});

const H5_INFO = object({
  type: required(text(32)),
  app_name: optional(text(64)),
  app_url: optional(text(128)),
  bundle_id: optional(text(128)),
  package_name: optional(text(128)),
});

function timeRule(value: unknown, path: string): void {
  if (typeof value !== "string" || value.length > 64 || parseRfc3339(value) === null) {
    throw paramError(path, value, "应为rfc3339格式，例如2018-06-08T10:34:56+08:00");
  }
}

function clientIpRule(value: unknown, path: string): void {
  text(45)(value, path);
  if (value === "127.0.0.1") throw paramError(path, value, "不能为本机地址");
}

const SCENE = {
  payer_client_ip: required(clientIpRule),
  device_id: optional(text(32)),
  store_info: optional(STORE),
};

const COMMON = {
  appid: required(text(32)),
  mchid: required(text(32)),
  description: required(text(127)),
  out_trade_no: required(text(32, OUT_TRADE_NO, "应为6至32位的数字、字母、_、-、|、*")),
  time_expire: optional(timeRule),
  attach: optional(textOrEmpty(128)),
  notify_url: required(notifyUrl(255)),
  goods_tag: optional(textOrEmpty(32)),
  support_fapiao: optional(flag()),
  amount: required(object({ total: required(integer(1n)), currency: optional(oneOf("CNY")) })),
  detail: optional(
    object({
      cost_price: optional(integer(0n)),
      invoice_id: optional(text(32)),
      goods_detail: optional(list(GOODS, GOODS_MAX)),
    }),
  ),
  scene_info: optional(object(SCENE)),
  settle_info: optional(object({ profit_sharing: optional(flag()) })),
};

const RULES = {
  native: COMMON,
  app: COMMON,
  jsapi: { ...COMMON, payer: required(object({ openid: required(text(128)) })) },
  h5: { ...COMMON, scene_info: required(object({ ...SCENE, h5_info: required(H5_INFO) })) },
};

export interface OrderRequest {
  readonly appid: string;
  readonly mchid: string;
  readonly description: string;
  readonly out_trade_no: string;
  readonly time_expire?: string;
  readonly attach?: string;
  readonly notify_url: string;
  readonly amount: { readonly total: bigint };
  readonly payer?: { readonly openid: string };
  readonly scene_info?: { readonly device_id?: string };
}

/** @throws ApiError PARAM_ERROR */
export function readOrderRequest(product: Product, body: Buffer): OrderRequest {
  return readBody(body, RULES[product]) as unknown as OrderRequest;
}

/** Equal for equal parameters, whatever their order in the body. */
export function fingerprintOf(value: unknown): string {
  if (typeof value === "bigint") return `n${value}`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(fingerprintOf).join(",")}]`;
  const fields = value as Fields;
  const parts = Object.keys(fields).sort();
  return `{${parts.map((name) => `${JSON.stringify(name)}:${fingerprintOf(fields[name])}`).join(",")}}`;
}
