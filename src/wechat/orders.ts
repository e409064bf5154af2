/** Orders (documentation: "下单", "查询订单", "关闭订单", "调起支付"). */
import {
  GatewayFault,
  type CloseAnswer,
  type Payable,
  type PrepayAnswer,
  type PrepayRequest,
  type Refused,
  type TradeAnswer,
} from "../billing/order/gateway.ts";
import { shanghaiText } from "../billing/calendar.ts";
import { HOUR_MS, MINUTE_MS } from "../billing/clock.ts";
import { assert } from "../billing/refusal.ts";
import { isCode, type ErrorReply } from "./error-code.ts";
import type { Merchant } from "./options.ts";
import { newNonce, type RequestBuilder, type SignedRequest } from "./signed-request.ts";
import { parseJson, readTrade } from "./trade-schema.ts";
import type { Transport } from "./transport.ts";

/** What every call is made with. */
export interface Connection {
  readonly merchant: Merchant;
  readonly transport: Transport;
  readonly requests: RequestBuilder;
}

const OUT_TRADE_NO = /^[0-9A-Za-z_*|-]{6,32}$/;
/** Commas and back-ticks would take bills apart, control characters are refused by WeChat Pay. */
// oxlint-disable-next-line no-control-regex -- they are what it is about
const DESCRIPTION = /^[^,`\u0000-\u001f\u007f]+$/;
const DESCRIPTION_BYTES_MAX = 127;
/** A QR code and a prepay_id live for two hours, whatever the order's own time says; a link five minutes. */
const VALID_MS = 2 * HOUR_MS;
const H5_VALID_MS = 5 * MINUTE_MS;
const FIELD_LENGTH_MAX = 2_048;

export async function prepay(
  connection: Connection,
  request: PrepayRequest,
  signal?: AbortSignal,
): Promise<PrepayAnswer> {
  const build = () => buildPrepay(connection, request);
  const reply = await connection.transport.call("prepay", build, { signal });
  if (reply.kind === "ok") return ready(connection, request, parseJson(reply.body));
  if (isCode(reply, "ORDER_PAID") || says(reply, /已支付/)) return { kind: "already-paid" };
  if (isCode(reply, "ORDER_CLOSED") || says(reply, /已失效|已关闭/)) {
    return confirmClosed(connection, request.outTradeNo, signal);
  }
  if (isCode(reply, "OUT_TRADE_NO_USED") || says(reply, /不一致|重入/)) {
    return { kind: "conflict", message: reply.message };
  }
  return refused(reply);
}

/** Codes of INVALID_REQUEST share one word; which of them it is stands only in the sentence. */
function says(reply: ErrorReply, words: RegExp): boolean {
  return isCode(reply, "INVALID_REQUEST") && words.test(reply.message);
}

export function refused({ code, message }: ErrorReply): Refused {
  return { kind: "refused", code, message };
}

async function buildPrepay(
  { merchant, requests }: Connection,
  request: PrepayRequest,
): Promise<SignedRequest> {
  const { channel, outTradeNo, description, amountFen, payerOpenid, clientIp } = request;
  assertOutTradeNo(outTradeNo);
  const bytes = Buffer.byteLength(description);
  const isClean = DESCRIPTION.test(description) && bytes <= DESCRIPTION_BYTES_MAX;
  assert(isClean, "a description has 1 to 127 bytes without commas, back-ticks and control characters");
  const order = {
    description,
    out_trade_no: outTradeNo,
    time_expire: shanghaiText(request.expireTimeMs),
    notify_url: merchant.notifyUrl,
    amount: { total: wireFen(amountFen), currency: "CNY" },
  };
  switch (channel) {
    case "NATIVE":
      return requests.built((pay) => pay.transactions_native(order));
    case "APP":
      return requests.built((pay) => pay.transactions_app(order));
    case "JSAPI": {
      assert(payerOpenid !== null, "a JSAPI order names its payer");
      const payer = { openid: payerOpenid };
      return requests.built((pay) => pay.transactions_jsapi({ ...order, payer }));
    }
    case "H5": {
      assert(clientIp !== null, "an H5 order names its payer's address");
      const target = "/v3/pay/transactions/h5";
      const { appid, mchid } = merchant;
      // The package's type wants an app's name beside the type of a page in a browser.
      const scene_info = { payer_client_ip: clientIp, h5_info: { type: "Wap" } };
      return requests.post(target, { appid, mchid, ...order, scene_info });
    }
    default:
      return channel satisfies never;
  }
}

/** An amount as a JSON number, which it always fits: the largest of ours is a thousandth of 2^53. */
export function wireFen(amountFen: bigint): number {
  assert(amountFen > 0n && amountFen <= BigInt(Number.MAX_SAFE_INTEGER), "an amount is positive and safe");
  return Number(amountFen);
}

export function assertOutTradeNo(outTradeNo: string): void {
  assert(OUT_TRADE_NO.test(outTradeNo), "an order's number has 6 to 32 of the characters 0-9A-Za-z_-|*");
}

function ready(connection: Connection, { channel }: PrepayRequest, body: unknown): PrepayAnswer {
  const field = (name: string) => {
    const value = (body as Readonly<Record<string, unknown>> | null | undefined)?.[name];
    if (typeof value === "string" && value !== "" && value.length <= FIELD_LENGTH_MAX) return value;
    throw new GatewayFault("untrusted", `an answer without ${name}`);
  };
  const answer = (payable: Payable, validMs = VALID_MS): PrepayAnswer => ({
    kind: "ready",
    payable,
    validMs,
  });
  switch (channel) {
    case "NATIVE":
      return answer({ channel, codeUrl: field("code_url") });
    case "H5":
      return answer({ channel, h5Url: field("h5_url") }, H5_VALID_MS);
    case "JSAPI":
      return answer({ channel, parameters: jsapiParameters(connection, field("prepay_id")) });
    case "APP":
      return answer({ channel, parameters: appParameters(connection, field("prepay_id")) });
    default:
      return channel satisfies never;
  }
}

function jsapiParameters({ merchant: { appid }, requests }: Connection, prepayId: string) {
  const timeStamp = requests.timestamp();
  const nonceStr = newNonce();
  const text = `prepay_id=${prepayId}`;
  const paySign = requests.signLines(appid, timeStamp, nonceStr, text);
  return { appId: appid, timeStamp, nonceStr, package: text, signType: "RSA", paySign } as const;
}

function appParameters({ merchant: { appid, mchid }, requests }: Connection, prepayid: string) {
  const timestamp = requests.timestamp();
  const noncestr = newNonce();
  const sign = requests.signLines(appid, timestamp, noncestr, prepayid);
  return {
    appid,
    partnerid: mchid,
    prepayid,
    package: "Sign=WXPay",
    noncestr,
    timestamp,
    sign,
  } as const;
}

export async function queryTrade(
  { merchant, transport, requests }: Connection,
  outTradeNo: string,
  signal?: AbortSignal,
): Promise<TradeAnswer> {
  assertOutTradeNo(outTradeNo);
  const build = () =>
    requests.built((pay) => pay.query({ out_trade_no: encodeURIComponent(outTradeNo) }));
  const reply = await transport.call("query", build, { signal });
  if (reply.kind === "error") {
    return isCode(reply, "ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS") ? { kind: "unknown" } : refused(reply);
  }
  const read = readTrade(parseJson(reply.body));
  if (read === undefined) throw new GatewayFault("untrusted", "an order that can't be read");
  // A signature covers the body alone: an answer to another question would pass it.
  const { appid, mchid, trade } = read;
  if (mchid !== merchant.mchid || appid !== merchant.appid || trade.outTradeNo !== outTradeNo) {
    throw new GatewayFault("untrusted", "an answer about another order");
  }
  return { kind: "trade", trade };
}

export async function closeTrade(
  connection: Connection,
  outTradeNo: string,
  signal?: AbortSignal,
): Promise<CloseAnswer> {
  assertOutTradeNo(outTradeNo);
  const build = () =>
    connection.requests.built((pay) => pay.close(encodeURIComponent(outTradeNo)));
  const reply = await connection.transport.call("close", build, { signal });
  if (reply.kind === "ok") return { kind: "closed" };
  if (isCode(reply, "ORDER_PAID")) return { kind: "already-paid" };
  if (isCode(reply, "ORDER_CLOSED")) return confirmClosed(connection, outTradeNo, signal);
  return isCode(reply, "ORDER_NOT_EXIST") ? { kind: "unknown" } : refused(reply);
}

/**
 * "Closed" can't be undone, and an error isn't signed: the order itself is asked for, in an answer that is.
 * @throws GatewayFault "untrusted" when it does not say so
 */
async function confirmClosed(
  connection: Connection,
  outTradeNo: string,
  signal?: AbortSignal,
): Promise<{ readonly kind: "closed" } | { readonly kind: "already-paid" }> {
  const answer = await queryTrade(connection, outTradeNo, signal);
  const state = answer.kind === "trade" ? answer.trade.state : answer.kind;
  if (state === "CLOSED" || state === "REVOKED") return { kind: "closed" };
  if (state === "SUCCESS" || state === "REFUND") return { kind: "already-paid" };
  throw new GatewayFault("untrusted", `an order said to be closed is ${state}`);
}
