/**
 * WeChat Pay's side of the protocol for tests that look at single bytes: keys, signatures, encrypted
 * callbacks, and a server that answers as it is told. Written apart from the code that it tests.
 */
import { createCipheriv, createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { WechatOptions } from "../../src/wechat/options.ts";

/** Known answers that Tencent and others have published, with their sources. */
export const KNOWN = JSON.parse(
  readFileSync(new URL("wechat-vectors.json", import.meta.url), "utf8"),
  // The file's layout differs from answer to answer; a test that reads a field wrongly fails.
  // oxlint-disable-next-line typescript/no-explicit-any
) as { readonly keys: any; readonly vectors: any };

export interface TestKey {
  readonly id: string;
  readonly privatePem: string;
  readonly publicPem: string;
}

export function newKey(id: string): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    id,
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

export const MCHID = "1900000109";
export const APPID = "wx8888888888888888";
export const APIV3_KEY = "0123456789abcdefghijklmnopqrstuv";
export const PLATFORM = newKey("PUB_KEY_ID_0119000001092024112200000001");
export const MERCHANT = newKey("3775B6A45ACD588826D15E583A95F5DD12345678");

export function wechatOptions(more: Partial<WechatOptions> = {}): WechatOptions {
  return {
    appid: APPID,
    mchid: MCHID,
    merchantSerial: MERCHANT.id,
    merchantPrivateKey: MERCHANT.privatePem,
    apiV3Key: APIV3_KEY,
    publicKey: { id: PLATFORM.id, pem: PLATFORM.publicPem },
    certificates: false,
    notifyUrl: "https://pay.example.com/wechat/notify",
    ...more,
  };
}

export interface SignOptions {
  readonly key?: Pick<TestKey, "id" | "privatePem">;
  /** Seconds since 1970. */
  readonly timestamp?: string;
  readonly nonce?: string;
}

/** The four headers that vouch for a body. */
export function signatureHeaders(body: string | Buffer, options: SignOptions = {}): Record<string, string> {
  const { key = PLATFORM, nonce = randomBytes(16).toString("hex") } = options;
  const timestamp = options.timestamp ?? String(Math.trunc(Date.now() / 1000));
  const signer = createSign("RSA-SHA256");
  signer.update(`${timestamp}\n${nonce}\n`).update(body).update("\n");
  return {
    "Wechatpay-Timestamp": timestamp,
    "Wechatpay-Nonce": nonce,
    "Wechatpay-Serial": key.id,
    "Wechatpay-Signature": signer.sign(key.privatePem, "base64"),
  };
}

export interface SealOptions {
  readonly key?: string;
  readonly associatedData?: string;
  readonly nonce?: string;
}

export function sealed(plain: string | Buffer, options: SealOptions = {}) {
  const { key = APIV3_KEY, associatedData = "transaction", nonce = "uluk4a9R25RW" } = options;
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(Buffer.from(associatedData));
  const bytes = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return {
    algorithm: "AEAD_AES_256_GCM",
    ciphertext: bytes.toString("base64"),
    associated_data: associatedData,
    nonce,
  };
}

export const PAID = {
  appid: APPID,
  mchid: MCHID,
  out_trade_no: "ord_0001",
  transaction_id: "4200000000202411220000000001",
  trade_type: "NATIVE",
  trade_state: "SUCCESS",
  trade_state_desc: "支付成功",
  bank_type: "OTHERS",
  attach: "",
  success_time: "2026-11-23T12:00:00+08:00",
  payer: { openid: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
  amount: { total: 9900, payer_total: 9900, currency: "CNY", payer_currency: "CNY" },
};

export const REFUNDED = {
  mchid: MCHID,
  transaction_id: PAID.transaction_id,
  out_trade_no: PAID.out_trade_no,
  refund_id: "50000000382019052709732678859",
  out_refund_no: "ref_0001",
  refund_status: "SUCCESS",
  success_time: "2026-11-23T13:00:00+08:00",
  user_received_account: "支付用户零钱",
  amount: { total: 9900, refund: 900, payer_total: 9900, payer_refund: 900 },
};

export interface EnvelopeOptions {
  readonly id?: string;
  readonly eventType?: string;
  readonly originalType?: string;
  readonly content?: unknown;
  readonly resource?: Readonly<Record<string, unknown>>;
  readonly seal?: SealOptions;
}

/** The body of a callback. */
export function envelope(options: EnvelopeOptions = {}): string {
  const { id = "EV-2018022511223320873", eventType = "TRANSACTION.SUCCESS", content = PAID } = options;
  const plain = typeof content === "string" ? content : JSON.stringify(content);
  return JSON.stringify({
    id,
    create_time: "2026-11-23T12:00:01+08:00",
    resource_type: "encrypt-resource",
    event_type: eventType,
    summary: "支付成功",
    resource: {
      original_type: options.originalType ?? "transaction",
      ...sealed(plain, options.seal),
      ...options.resource,
    },
  });
}

export interface Asked {
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer; `hang` never comes, `reset` cuts the connection. */
export type Told =
  | "hang"
  | "reset"
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string | string[]>>;
      readonly body?: string | Buffer;
    };

/** Signed as WeChat Pay signs. */
export function told(body: unknown, status = 200, options: SignOptions = {}): Exclude<Told, string> {
  const text = Buffer.isBuffer(body) ? body : Buffer.from(status === 204 ? "" : JSON.stringify(body));
  const headers = { "Content-Type": "application/json", ...signatureHeaders(text, options) };
  return { status, headers, body: text };
}

export interface FakeWechat {
  readonly url: string;
  readonly asked: Asked[];
  close(): Promise<void>;
}

export async function startFakeWechat(
  answer: (asked: Asked, count: number) => Told | Promise<Told>,
): Promise<FakeWechat> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url: target = "", headers } = request;
      const one: Asked = { method, target, headers, body: Buffer.concat(chunks) };
      asked.push(one);
      void Promise.resolve(answer(one, asked.length)).then((what) => {
        if (what === "hang") return;
        if (what === "reset") request.socket.destroy();
        else response.writeHead(what.status ?? 200, what.headers).end(what.body ?? "");
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
