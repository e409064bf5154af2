/**
 * A merchant of the WeChat Pay simulator, written from the protocol alone: it signs, verifies and
 * decrypts by itself, with nothing of the simulator's or the service's code.
 */
import { createDecipheriv, createPublicKey, sign, verify, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, request as send, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Fault, MerchantFacts, Simulator } from "../../src/simulator/index.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly raw: Buffer;
  // Tests look at the fields that they expect.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

export interface CallOptions {
  readonly facts?: MerchantFacts;
  readonly headers?: Readonly<Record<string, string | null>>;
  /** Simulated seconds from now. */
  readonly offsetSeconds?: number;
  readonly nonce?: string;
  /** Instead of JSON of the body; signed as it is. */
  readonly rawBody?: string;
  /** What is signed instead of what is sent. */
  readonly signedTarget?: string;
  readonly signedBody?: string;
  /** The key asked for by `Wechatpay-Serial`. */
  readonly keyId?: string;
}

let nonces = 0;

/** One signed call, as a merchant's server makes it. */
export async function call(
  simulator: Simulator,
  method: string,
  target: string,
  body?: unknown,
  options: CallOptions = {},
): Promise<Reply> {
  const facts = options.facts ?? simulator.merchant;
  const text = options.rawBody ?? (body === undefined ? "" : JSON.stringify(body));
  const authorization = authorize(simulator, facts, method, target, text, options);
  const headers: Record<string, string | null> = {
    Accept: "application/json",
    Authorization: authorization,
    ...(text === "" ? {} : { "Content-Type": "application/json" }),
    ...(options.keyId === undefined ? {} : { "Wechatpay-Serial": options.keyId }),
    ...options.headers,
  };
  return exchange(simulator.url + target, method, headers, text);
}

export function authorize(
  simulator: Simulator,
  facts: MerchantFacts,
  method: string,
  target: string,
  body: string,
  options: CallOptions = {},
): string {
  const timestamp = Math.floor(simulator.clock.now() / 1_000) + (options.offsetSeconds ?? 0);
  const nonce = options.nonce ?? `nonce${(nonces += 1)}`;
  const { signedTarget = target, signedBody = body } = options;
  const message = `${method}\n${signedTarget}\n${timestamp}\n${nonce}\n${signedBody}\n`;
  const signature = sign("sha256", Buffer.from(message), facts.privateKeyPem).toString("base64");
  const items = [
    `mchid="${facts.mchid}"`,
    `nonce_str="${nonce}"`,
    `timestamp="${timestamp}"`,
    `serial_no="${facts.serial}"`,
    `signature="${signature}"`,
  ];
  return `WECHATPAY2-SHA256-RSA2048 ${items.join(",")}`;
}

/** Sends exactly these bytes; rejects when the connection is cut. */
export async function exchange(
  url: string,
  method: string,
  headers: Readonly<Record<string, string | null>>,
  body: string | Buffer,
  signal?: AbortSignal,
): Promise<Reply> {
  const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null);
  const bytes = Buffer.from(body as string);
  const request = send(url, {
    method,
    agent: false,
    headers: {
      ...Object.fromEntries(given),
      ...(bytes.length > 0 ? { "Content-Length": bytes.length } : {}),
    },
    ...(signal === undefined ? {} : { signal }),
  });
  request.end(bytes);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const raw = await readAll(response);
  const isJson = (response.headers["content-type"] ?? "").startsWith("application/json");
  let json: unknown = null;
  try {
    if (isJson) json = JSON.parse(raw.toString());
  } catch {
    // A test may have asked for it.
  }
  return { status: response.statusCode ?? 0, headers: response.headers as Reply["headers"], raw, json };
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** True when a key that the merchant holds vouches for these bytes, at this time. */
export function isGenuine(
  facts: MerchantFacts,
  headers: Readonly<Record<string, string | undefined>>,
  raw: Buffer,
  nowMs: number,
): boolean {
  const serial = headers["wechatpay-serial"];
  const certificate = facts.platformCertificates.find((each) => each.serial === serial);
  const key =
    serial === facts.publicKeyId
      ? createPublicKey(facts.publicKeyPem)
      : certificate && new X509Certificate(certificate.pem).publicKey;
  const { "wechatpay-timestamp": timestamp, "wechatpay-nonce": nonce } = headers;
  const signature = headers["wechatpay-signature"] ?? "";
  if (key === undefined || timestamp === undefined || nonce === undefined) return false;
  if (Math.abs(nowMs / 1_000 - Number(timestamp)) >= 300) return false;
  const message = Buffer.concat([Buffer.from(`${timestamp}\n${nonce}\n`), raw, Buffer.from("\n")]);
  return verify("sha256", message, key, Buffer.from(signature, "base64"));
}

/** A callback as an endpoint gets it. */
export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly raw: Buffer;
}

export interface Endpoint {
  readonly url: string;
  readonly received: Received[];
  /** How it answers: a status, or 0 to cut the connection. */
  answer: (received: Received) => number | Promise<number>;
  close(): Promise<void>;
}

/** A merchant's endpoint for callbacks; it answers 204 unless told otherwise. */
export async function startEndpoint(): Promise<Endpoint> {
  const server: Server = createServer((request, response) => {
    const serve = async (): Promise<void> => {
      const raw = await readAll(request as AsyncIterable<Buffer>);
      const received = { path: request.url ?? "", headers: request.headers as Received["headers"], raw };
      endpoint.received.push(received);
      const status = await endpoint.answer(received);
      if (status === 0) response.destroy();
      else
        response.writeHead(status, status >= 300 && status < 400 ? { Location: "/elsewhere" } : {}).end();
    };
    serve().catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint: Endpoint = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/notify`,
    received: [],
    answer: () => 204,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return endpoint;
}

/** What a callback's resource says. @throws Error when it isn't what was sealed */
// oxlint-disable-next-line typescript/no-explicit-any
export function open(facts: MerchantFacts, raw: Buffer): any {
  const { resource } = JSON.parse(raw.toString());
  return JSON.parse(unseal(facts.apiV3Key, resource));
}

/** @throws Error when it isn't what was sealed */
export function unseal(
  apiV3Key: string,
  resource: { algorithm: string; ciphertext: string; nonce: string; associated_data?: string },
): string {
  if (resource.algorithm !== "AEAD_AES_256_GCM") throw new Error(`sealed by ${resource.algorithm}`);
  const bytes = Buffer.from(resource.ciphertext, "base64");
  const decipher = createDecipheriv("aes-256-gcm", apiV3Key, resource.nonce, { authTagLength: 16 });
  decipher.setAAD(Buffer.from(resource.associated_data ?? ""));
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString();
}

let numbers = 0;

/** What creates an order; every call makes a new number. */
export function orderBody(
  simulator: Simulator,
  more: Readonly<Record<string, unknown>> = {},
  facts: MerchantFacts = simulator.merchant,
): Record<string, unknown> {
  return {
    appid: facts.appid,
    mchid: facts.mchid,
    description: "会员一个月",
    out_trade_no: `ORDER${String((numbers += 1)).padStart(6, "0")}`,
    notify_url: "https://shop.example/notify",
    amount: { total: 9_900, currency: "CNY" },
    ...more,
  };
}

/** A native order. @returns its number and code_url */
export async function createOrder(
  simulator: Simulator,
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ outTradeNo: string; codeUrl: string; body: Record<string, unknown> }> {
  const body = orderBody(simulator, more);
  const { status, json, raw } = await call(simulator, "POST", NATIVE, body);
  if (status !== 200) throw new Error(`the order was refused: ${raw.toString()}`);
  return { outTradeNo: String(body["out_trade_no"]), codeUrl: json.code_url, body };
}

export const NATIVE = "/v3/pay/transactions/native";
export const REFUNDS = "/v3/refund/domestic/refunds";

export function queryTarget(simulator: Simulator, outTradeNo: string): string {
  return `/v3/pay/transactions/out-trade-no/${outTradeNo}?mchid=${simulator.merchant.mchid}`;
}

/** The state that a query tells. */
export async function stateOf(simulator: Simulator, outTradeNo: string): Promise<string> {
  return (await call(simulator, "GET", queryTarget(simulator, outTradeNo))).json.trade_state;
}

export function close(simulator: Simulator, outTradeNo: string): Promise<Reply> {
  const target = `/v3/pay/transactions/out-trade-no/${outTradeNo}/close`;
  return call(simulator, "POST", target, { mchid: simulator.merchant.mchid });
}

/** Plays one fault on the next query of any order and tells how it was answered. */
export async function queryWith(simulator: Simulator, outTradeNo: string, fault: Fault): Promise<Reply> {
  simulator.faults.next({ method: "GET", path: "/v3/pay/" }, fault);
  return call(simulator, "GET", queryTarget(simulator, outTradeNo));
}
