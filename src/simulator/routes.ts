/** The endpoints of WeChat Pay that a merchant needs. */
import type { Answer } from "./answer.ts";
import { seal, decryptField } from "./sealing.ts";
import type { Merchant } from "./merchant.ts";
import { json, transactionOf, type Order, type Product } from "./order.ts";
import { readOrderRequest } from "./order-request.ts";
import { ApiError, paramError } from "./refusal.ts";
import { refundOf } from "./refund.ts";
import { readAbnormalRequest, readRefundRequest } from "./refund-request.ts";
import { readBody, required, text } from "./schema.ts";
import { rfc3339 } from "./time.ts";
import type { World } from "./world.ts";

export interface ApiRequest {
  readonly merchant: Merchant;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** `Wechatpay-Serial`: the key that fields are encrypted with and that the answer shall be signed with. */
  readonly keyId: string | undefined;
  readonly body: Buffer;
}

type Handler = (world: World, request: ApiRequest, ...captured: string[]) => Answer | Promise<Answer>;

const ROUTES: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  ["POST", /^\/v3\/pay\/transactions\/(native|jsapi|app|h5)$/, createOrder],
  ["GET", /^\/v3\/pay\/transactions\/out-trade-no\/([^/]*)$/, queryByNumber],
  ["GET", /^\/v3\/pay\/transactions\/id\/([^/]*)$/, queryByTransaction],
  ["POST", /^\/v3\/pay\/transactions\/out-trade-no\/([^/]*)\/close$/, closeOrder],
  ["POST", /^\/v3\/refund\/domestic\/refunds$/, createRefund],
  ["GET", /^\/v3\/refund\/domestic\/refunds\/([^/]*)$/, queryRefund],
  ["POST", /^\/v3\/refund\/domestic\/refunds\/([^/]*)\/apply-abnormal-refund$/, applyAbnormal],
  ["GET", /^\/v3\/certificates$/, listCertificates],
  ["POST", /^\/v3\/security\/echo$/, echo],
  ["GET", /^\/v3\/bill\/tradebill$/, applyTradeBill],
  ["GET", /^\/v3\/bill\/fundflowbill$/, applyFundBill],
  ["GET", /^\/v3\/billdownload\/file$/, downloadBill],
];

/** @throws ApiError */
export async function dispatch(world: World, request: ApiRequest): Promise<Answer> {
  for (const [method, pattern, handler] of ROUTES) {
    const found = pattern.exec(request.path);
    if (found === null || method !== request.method) continue;
    return handler(world, request, ...found.slice(1).map(decoded));
  }
  throw new ApiError(404, "RESOURCE_NOT_EXISTS", "请求的资源不存在");
}

function ok(value: unknown): Answer {
  return { status: 200, body: json(value), contentType: "application/json; charset=utf-8", isSigned: true };
}

async function createOrder(world: World, request: ApiRequest, product = ""): Promise<Answer> {
  const { merchant, body } = request;
  const parameters = readOrderRequest(product as Product, body);
  assertOwn(merchant, parameters.mchid, "body");
  const order = world.orders.create(merchant, product as Product, parameters);
  const { handle } = order.prepay;
  if (world.callbackFaults.take("beforePrepayReturns")) {
    world.cashier.pay(order.outTradeNo);
    await world.clock.settled();
  }
  if (product === "native") return ok({ code_url: handle });
  return ok(product === "h5" ? { h5_url: handle } : { prepay_id: handle });
}

function queryByNumber(world: World, request: ApiRequest, outTradeNo = ""): Answer {
  const mchid = ownMchid(request);
  return transaction(world.orders.get(mchid, outTradeNo));
}

function queryByTransaction(world: World, request: ApiRequest, transactionId = ""): Answer {
  const mchid = ownMchid(request);
  return transaction(world.orders.getByTransaction(mchid, transactionId));
}

function transaction(order: Order): Answer {
  return ok(transactionOf(order));
}

function closeOrder(world: World, request: ApiRequest, outTradeNo = ""): Answer {
  const { mchid } = readBody(request.body, { mchid: required(text(32)) });
  assertOwn(request.merchant, String(mchid), "body");
  world.orders.close(request.merchant.mchid, outTradeNo);
  return { ...ok({}), status: 204, body: Buffer.alloc(0) };
}

function createRefund(world: World, { merchant, body }: ApiRequest): Answer {
  return ok(refundOf(world.refunds.create(merchant, readRefundRequest(body))));
}

function queryRefund(world: World, { merchant }: ApiRequest, outRefundNo = ""): Answer {
  return ok(refundOf(world.refunds.get(merchant.mchid, outRefundNo)));
}

function applyAbnormal(world: World, request: ApiRequest, refundId = ""): Answer {
  const { merchant, body } = request;
  const parameters = readAbnormalRequest(body);
  for (const name of ["bank_account", "real_name"] as const) {
    const sealed = parameters[name];
    if (sealed !== undefined) openField(world, request, name, sealed);
  }
  return ok(refundOf(world.refunds.applyAbnormal(merchant.mchid, refundId, parameters.out_refund_no)));
}

/** @throws ApiError unless the text was encrypted with the key that the request names */
function openField(world: World, request: ApiRequest, name: string, sealed: string): string {
  const key = world.keys.byId(request.keyId ?? "", world.clock.now());
  if (key === null)
    throw paramError("Wechatpay-Serial", request.keyId, "平台证书或公钥序列号错误", "header");
  try {
    return decryptField(sealed, key.privateKey);
  } catch {
    throw paramError(`/${name}`, "", "敏感信息解密失败");
  }
}

/** For key checks: what was encrypted must be what was sent in clear. */
function echo(world: World, request: ApiRequest): Answer {
  const rules = {
    notify_url: { required: false, rule: text(255) },
    echo_message: required(text(1024)),
    encrypted_echo_message: { required: false, rule: text(1024) },
  };
  const body = readBody(request.body, rules);
  const sealed = body["encrypted_echo_message"];
  if (typeof sealed === "string") {
    const opened = openField(world, request, "encrypted_echo_message", sealed);
    if (opened !== body["echo_message"])
      throw paramError("/encrypted_echo_message", "", "与echo_message不一致");
  }
  return ok({ echo_message: body["echo_message"] });
}

function listCertificates(world: World, { merchant }: ApiRequest): Answer {
  const { keys, random, clock } = world;
  if (keys.mode === "public-key") {
    const message = "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。";
    throw new ApiError(404, "RESOURCE_NOT_EXISTS", message);
  }
  const data = keys.certificates(clock.now()).map(({ id, certificatePem, fromMs, untilMs }) => {
    const nonce = random.alphanumeric(12);
    const plaintext = Buffer.from(certificatePem ?? "");
    const encrypted = {
      algorithm: "AEAD_AES_256_GCM",
      nonce,
      associated_data: "certificate",
      ciphertext: seal(merchant.apiV3Key, nonce, "certificate", plaintext),
    };
    const span = { effective_time: rfc3339(fromMs), expire_time: rfc3339(untilMs) };
    return { serial_no: id, ...span, encrypt_certificate: encrypted };
  });
  return ok({ data });
}

function applyTradeBill({ bills }: World, { merchant, query }: ApiRequest): Answer {
  return ok(bills.applyTrade(merchant, query));
}

function applyFundBill({ bills }: World, { merchant, query }: ApiRequest): Answer {
  return ok(bills.applyFund(merchant, query));
}

function downloadBill({ bills }: World, { merchant, query }: ApiRequest): Answer {
  return bills.download(merchant, query);
}

function ownMchid({ merchant, query }: ApiRequest): string {
  const mchid = query.get("mchid");
  if (mchid === null || mchid === "") throw paramError("/mchid", "", "此字段为必填项", "query");
  assertOwn(merchant, mchid, "query");
  return mchid;
}

function assertOwn(merchant: Merchant, mchid: string, location: string): void {
  if (mchid !== merchant.mchid) throw paramError("/mchid", mchid, "mchid不匹配", location);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw paramError("", part, "URL编码错误", "uri_template");
  }
}
