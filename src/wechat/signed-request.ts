/**
 * Requests, built and signed by wechatpay-node-v3 and handed to our own transport: the package's own HTTP,
 * verification and decryption are not used, since they trust what nobody has proven.
 */
import { randomBytes, sign, type KeyObject } from "node:crypto";
import Pay from "wechatpay-node-v3";
import type { IPayRequest, Output } from "wechatpay-node-v3/dist/define.js";
import { assert } from "../billing/refusal.ts";
import type { Merchant } from "./options.ts";

/** Ready to be sent: signed over its path, and its body where it has one. */
export interface SignedRequest {
  readonly method: "GET" | "POST";
  /** Path and query, exactly as signed. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Exactly as signed; null for none. */
  readonly body: string | null;
}

/** Builds a request anew, with a signature of its own, for every attempt; its body is the same every time. */
export type Build = () => Promise<SignedRequest>;

const HOST = "https://api.mch.weixin.qq.com";
const NONCE_BYTES = 16;
const USER_AGENT = "billing-guard";

/** 32 characters that nobody can guess. */
export function newNonce(): string {
  return randomBytes(NONCE_BYTES).toString("hex").toUpperCase();
}

/** Gives a request back instead of sending it. The package takes a status of 0 for no answer. */
const COLLECTOR: IPayRequest = {
  post: (url, params, headers) => collected("POST", url, headers, JSON.stringify(params)),
  get: (url, headers) => collected("GET", url, headers, null),
  upload: () => Promise.reject(new Error("files are never uploaded")),
};

function collected(
  method: SignedRequest["method"],
  url: string,
  headers: Readonly<Record<string, unknown>>,
  body: string | null,
): Promise<Output> {
  const target = pathOf(url);
  const texts = Object.entries(headers).map(([name, value]) => [name, String(value)]);
  const data: SignedRequest = { method, target, headers: Object.fromEntries(texts), body };
  return Promise.resolve({ status: 0, data });
}

/** What is sent must be what was signed: a URL that changes when it's parsed would not be. */
function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  assert(`${HOST}${pathname}${search}` === url, "a request's URL is the same after it was parsed");
  return `${pathname}${search}`;
}

/** The package, with unpredictable nonces, our clock, and the key parsed once. */
export class RequestBuilder extends Pay {
  readonly #key: KeyObject;
  readonly #now: () => number;

  constructor({ appid, mchid, merchantSerial, privateKey }: Merchant, now: () => number) {
    // It wants the PEM texts of certificate and key, and reads neither when it is given the serial
    // number and doesn't sign by itself.
    const unread = Buffer.alloc(0);
    const certificate = Buffer.from("not read");
    super({
      appid,
      mchid,
      serial_no: merchantSerial,
      publicKey: certificate,
      privateKey: unread,
      userAgent: USER_AGENT,
    });
    this.#key = privateKey;
    this.#now = now;
    this.createHttp(COLLECTOR);
  }

  /** One of the package's calls, as a request. */
  async built(call: (pay: RequestBuilder) => Promise<Output>): Promise<SignedRequest> {
    const { data } = await call(this);
    return data as SignedRequest;
  }

  /** A request that the package has no call for, in the same way. */
  async get(target: string): Promise<SignedRequest> {
    const url = HOST + target;
    return this.built(() => COLLECTOR.get(url, this.getHeaders(this.buildAuthorization("GET", url))));
  }

  async post(target: string, body: Readonly<Record<string, unknown>>): Promise<SignedRequest> {
    const url = HOST + target;
    const json = { "Content-Type": "application/json" };
    return this.built(() =>
      COLLECTOR.post(url, body, this.getHeaders(this.buildAuthorization("POST", url, body), json)),
    );
  }

  /** Lines signed with the merchant's key, as clients need them to open the cashier. */
  signLines(...lines: string[]): string {
    return this.sha256WithRsa(lines.map((line) => `${line}\n`).join(""));
  }

  /** Seconds since 1970, as signatures bear them. */
  timestamp(): string {
    return String(Math.trunc(this.#now() / 1_000));
  }

  override sha256WithRsa(data: string): string {
    return sign("sha256", Buffer.from(data), this.#key).toString("base64");
  }

  protected override buildAuthorization(
    method: string,
    url: string,
    params?: Record<string, unknown>,
  ): string {
    const nonce = newNonce();
    const timestamp = this.timestamp();
    const signature = this.getSignature(method, nonce, timestamp, pathOf(url), params);
    return this.getAuthorization(nonce, timestamp, signature);
  }
}
