/** What a merchant knows about itself and about WeChat Pay. `src/config` fills it in. */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { SECOND_MS } from "../billing/clock.ts";

export interface WechatOptions {
  /** The app (official account, mini-program, app) in whose name payments are made: `wx…`. */
  readonly appid: string;
  /** The merchant number. */
  readonly mchid: string;
  /** Serial number of the merchant's API certificate, in hexadecimal. */
  readonly merchantSerial: string;
  /** The merchant's API private key: PEM, RSA of 2,048 bits or more. */
  readonly merchantPrivateKey: string;
  /** 32 ASCII characters, set on the merchant platform. */
  readonly apiV3Key: string;
  /** The key before, while a new one is being brought in: what was encrypted under it is still read. */
  readonly previousApiV3Key?: string | undefined;
  /** "微信支付公钥": with it, WeChat Pay is asked to sign its answers with this key. */
  readonly publicKey?: { readonly id: string; readonly pem: string } | undefined;
  /** Whether platform certificates are downloaded and trusted: by merchants of old, or during the change. */
  readonly certificates: boolean;
  /** Where WeChat Pay sends its callbacks: a public URL without a query. */
  readonly notifyUrl: string;
  /** Origins of the API, the primary host first. */
  readonly baseUrls?: readonly string[] | undefined;
  readonly timeouts?: Partial<WechatTimeouts> | undefined;
}

export interface WechatTimeouts {
  /** For one attempt, from the connection to the last byte; milliseconds. */
  readonly attemptMs: number;
  /** For all attempts of one call; milliseconds. */
  readonly totalMs: number;
  /** For one attempt to download a bill; milliseconds. */
  readonly downloadMs: number;
}

/** WeChat Pay's own hosts; the second is its back-up for when the first can't be reached. */
export const OFFICIAL_BASE_URLS: readonly string[] = [
  "https://api.mch.weixin.qq.com",
  "https://api2.mch.weixin.qq.com",
];
/** Answers take some hundred milliseconds; who has waited so long had better ask again. */
const TIMEOUTS: WechatTimeouts = {
  attemptMs: 5 * SECOND_MS,
  totalMs: 12 * SECOND_MS,
  downloadMs: 120 * SECOND_MS,
};
/** WeChat Pay hands out keys of 2,048 bits and accepts none that are shorter. */
const MODULUS_BITS_MIN = 2_048;
const APIV3_KEY = /^[\x21-\x7e]{32}$/;
/** As a certificate's serial numbers never look, so that neither can stand in for the other. */
const PUBLIC_KEY_ID = /^PUB_KEY_ID_[0-9A-Za-z]{1,64}$/;

/** The options, checked and parsed. */
export interface Merchant {
  readonly appid: string;
  readonly mchid: string;
  readonly merchantSerial: string;
  readonly privateKey: KeyObject;
  /** The present key first. */
  readonly apiV3Keys: readonly Buffer[];
  readonly publicKey: { readonly id: string; readonly key: KeyObject } | null;
  readonly certificates: boolean;
  readonly notifyUrl: string;
  readonly baseUrls: readonly URL[];
  readonly timeouts: WechatTimeouts;
}

/** @throws TypeError naming every option that is wrong, without quoting it */
export function readOptions(options: WechatOptions): Merchant {
  const faults: string[] = [];
  const must = (holds: boolean, fault: string) => holds || faults.push(fault);
  const { previousApiV3Key, publicKey } = options;
  must(/^[0-9A-Za-z_-]{1,32}$/.test(options.appid), "appid is 1 to 32 letters and digits");
  must(/^\d{6,32}$/.test(options.mchid), "mchid is 6 to 32 digits");
  must(/^[0-9A-Fa-f]{8,64}$/.test(options.merchantSerial), "merchantSerial is hexadecimal");
  must(APIV3_KEY.test(options.apiV3Key), "apiV3Key is 32 ASCII characters");
  must(APIV3_KEY.test(previousApiV3Key ?? options.apiV3Key), "previousApiV3Key is 32 ASCII characters");
  must(isNotifyUrl(options.notifyUrl), "notifyUrl is an absolute http(s) URL with a path and no query");
  must(publicKey !== undefined || options.certificates, "either publicKey or certificates is needed");
  if (publicKey) must(PUBLIC_KEY_ID.test(publicKey.id), "publicKey.id begins with PUB_KEY_ID_");
  const privateKey = rsaKey(() => createPrivateKey(options.merchantPrivateKey));
  must(privateKey !== null, "merchantPrivateKey is an RSA private key in PEM, of 2048 bits or more");
  const key = publicKey === undefined ? null : rsaKey(() => createPublicKey(publicKey.pem));
  must(publicKey === undefined || key !== null, "publicKey.pem is an RSA public key of 2048 bits or more");
  const baseUrls = (options.baseUrls ?? OFFICIAL_BASE_URLS).map(originOf);
  must(baseUrls.length > 0 && !baseUrls.includes(null), "baseUrls are http(s) origins without a path");
  if (faults.length > 0) throw new TypeError(`WeChat Pay is misconfigured: ${faults.join("; ")}`);
  return {
    appid: options.appid,
    mchid: options.mchid,
    merchantSerial: options.merchantSerial,
    privateKey: privateKey!,
    apiV3Keys: [options.apiV3Key, ...(previousApiV3Key === undefined ? [] : [previousApiV3Key])].map(
      (text) => Buffer.from(text, "ascii"),
    ),
    publicKey: publicKey && key ? { id: publicKey.id, key } : null,
    certificates: options.certificates,
    notifyUrl: options.notifyUrl,
    baseUrls: baseUrls as URL[],
    timeouts: { ...TIMEOUTS, ...options.timeouts },
  };
}

/** The key when it is RSA and long enough; null for anything else, so that nobody quotes it. */
export function rsaKey(parse: () => KeyObject): KeyObject | null {
  try {
    const key = parse();
    const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    return key.asymmetricKeyType === "rsa" && modulusLength >= MODULUS_BITS_MIN ? key : null;
  } catch {
    return null;
  }
}

function isNotifyUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return false;
  return url.pathname !== "/" && url.search === "" && url.hash === "" && Buffer.byteLength(text) <= 255;
}

function originOf(text: string): URL | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return null;
  return url.pathname === "/" && url.search === "" && url.username === "" ? url : null;
}
