/** Who calls: the header Authorization, read strictly, and its signature. */
import type { Merchant } from "./merchant.ts";
import { ApiError, signError, type ErrorDetail } from "./refusal.ts";
import { isSignedBy, requestMessage, SCHEME } from "./signing.ts";
import { SECOND_MS } from "./time.ts";

const ITEMS = ["mchid", "nonce_str", "timestamp", "serial_no", "signature"] as const;
type Item = (typeof ITEMS)[number];
export type Credentials = Readonly<Record<Item, string>>;

/** A request may be five minutes older or newer than WeChat Pay's clock. */
const TIMESTAMP_TOLERANCE_SECONDS = 300;
/** How much of the body an error repeats. */
const SHOWN_BODY_CHARACTERS = 16;

export interface SignedRequest {
  readonly method: string;
  /** Path and query exactly as they came. */
  readonly target: string;
  readonly authorization: string | undefined;
  readonly body: Buffer;
}

/** @throws ApiError SIGN_ERROR unless the header is the scheme and its five quoted items, in any order */
export function parseAuthorization(header: string | undefined): Credentials {
  const [, scheme, rest] = /^(\S+) +(.*)$/.exec(header ?? "") ?? [];
  if (scheme === undefined || rest === undefined) {
    throw signError("Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》");
  }
  if (scheme !== SCHEME) throw signError("Http头Authorization认证类型不正确");
  const found = new Map<string, string>();
  for (const part of rest.split(/, */)) {
    const [, name, value] = /^([a-z_]+)="([^"]+)"$/.exec(part) ?? [];
    if (name === undefined || value === undefined || found.has(name) || !isItem(name)) {
      throw signError("Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》");
    }
    found.set(name, value);
  }
  const missing = ITEMS.find((name) => !found.has(name));
  if (missing !== undefined) throw signError(`Http头Authorization值格式错误，缺少${missing}`);
  return Object.fromEntries(found) as unknown as Credentials;
}

/**
 * The merchant whose certificate proves the request.
 * @param nested errors in the layout that was seen in 2025
 * @throws ApiError SIGN_ERROR, or MCH_NOT_EXISTS for a merchant number that nobody has
 */
export function authenticate(
  request: SignedRequest,
  merchants: ReadonlyMap<string, Merchant>,
  nowMs: number,
  nested: boolean,
): { merchant: Merchant; credentials: Credentials } {
  const credentials = parseAuthorization(request.authorization);
  const { timestamp, nonce_str: nonce } = credentials;
  if (!/^\d{1,12}$/.test(timestamp)) throw signError("Http头Authorization中的timestamp格式错误");
  const apart = Math.abs(Math.floor(nowMs / SECOND_MS) - Number(timestamp));
  if (apart > TIMESTAMP_TOLERANCE_SECONDS) {
    throw signError("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟");
  }
  const merchant = merchants.get(credentials.mchid);
  if (merchant === undefined) throw new ApiError(400, "MCH_NOT_EXISTS", "商户号不存在");
  if (credentials.serial_no !== merchant.serial) throw signError("商户证书序列号有误");
  if (merchant.untilMs <= nowMs) throw signError("商户证书已过期");
  const message = requestMessage(request.method, request.target, timestamp, nonce, request.body);
  if (!isSignedBy(message, credentials.signature, merchant.publicKey)) {
    throw nested
      ? signError("签名错误", {
          ...detailOf(request, message, credentials),
          detail: { issue: "sign not match" },
        })
      : signError("错误的签名，验签失败", {
          ...detailOf(request, message, credentials),
          issue: "sign not match",
        });
  }
  return { merchant, credentials };
}

function detailOf(request: SignedRequest, message: Buffer, credentials: Credentials): ErrorDetail {
  const { method, target, body } = request;
  const shown = Buffer.from(body.toString().slice(0, SHOWN_BODY_CHARACTERS));
  const { timestamp, nonce_str: nonce } = credentials;
  return {
    field: "signature",
    location: "authorization",
    sign_information: {
      method,
      url: target,
      truncated_sign_message: requestMessage(method, target, timestamp, nonce, shown).toString(),
      sign_message_length: message.length,
    },
  };
}

function isItem(name: string): name is Item {
  return (ITEMS as readonly string[]).includes(name);
}
