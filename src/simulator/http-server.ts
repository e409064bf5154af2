/** The server: reads raw bytes, checks who calls, answers signed, and plays the faults that are asked for. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "./answer.ts";
import { authenticate } from "./authorization.ts";
import { flipped } from "./callback-message.ts";
import type { Control } from "./control.ts";
import { signatureHeaders } from "./envelope.ts";
import type { Fault } from "./faults.ts";
import type { RequestEntry } from "./journal.ts";
import { ApiError, paramError, signError } from "./refusal.ts";
import { dispatch } from "./routes.ts";
import { SECOND_MS } from "./time.ts";
import type { World } from "./world.ts";

/** Requests of this API have a few kilobytes; only images, which it doesn't take, are larger. */
const BODY_BYTES_MAX = 1024 * 1024;
const JSON_TYPE = "application/json; charset=utf-8";

/** @param current the world, which a reset exchanges */
export function createApiServer(current: () => World, control: Control): Server {
  return createServer((request, response) => {
    handle(current(), control, request, response).catch((error: unknown) => {
      // A bug: the process shall not go on as if nothing were wrong.
      response.destroy();
      queueMicrotask(() => {
        throw error;
      });
    });
  });
}

async function handle(
  world: World,
  control: Control,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readAll(request);
  const target = request.url ?? "";
  if (body === "gone") return;
  if (body === "too large") {
    response.writeHead(413, { Connection: "close" }).end();
    return;
  }
  if (target.startsWith("/_simulator")) {
    await control(request, body, response);
    return;
  }
  const entry = world.journal.add<RequestEntry>({
    kind: "request",
    atMs: world.clock.now(),
    method: request.method ?? "",
    target,
    headers: headersOf(request),
    body,
    fault: null,
    answer: null,
  });
  await serve(world, entry, response);
}

async function serve(world: World, entry: RequestEntry, response: ServerResponse): Promise<void> {
  const { method, target } = entry;
  const { faults } = world;
  await faults.pass("before", method, target);
  const fault = faults.take(method, target);
  entry.fault = fault?.kind ?? null;
  const instead = fault === null ? null : answerInstead(fault);
  if (fault !== null && isAt(fault, "before")) {
    if (fault.kind === "hang") return;
    if (fault.kind === "reset") return void response.socket?.resetAndDestroy();
  }
  let answer = instead ?? (await answerFor(world, entry));
  await faults.pass("after", method, target);
  if (fault !== null && isAt(fault, "after")) {
    if (fault.kind === "hang") return;
    if (fault.kind === "reset") return void response.socket?.resetAndDestroy();
    answer = errorAnswer(systemError());
  }
  if (fault?.kind === "delay") await sleep(fault.ms);
  if (fault?.kind === "truncated-json") {
    answer = { ...answer, body: answer.body.subarray(0, answer.body.length >> 1) };
  }
  const headers = answerHeaders(world, entry, answer, fault);
  if (fault?.kind === "redirect") headers["Location"] = fault.location;
  const sent = fault?.kind === "altered-body" ? altered(answer.body) : answer.body;
  entry.answer = { status: answer.status, headers, body: sent };
  if (answer.status !== 204) headers["Content-Length"] = String(sent.length);
  response.writeHead(answer.status, headers).end(sent);
}

async function answerFor(world: World, entry: RequestEntry): Promise<Answer> {
  try {
    const { merchants, settings, clock, nonces } = world;
    const { method, target, headers, body } = entry;
    const signed = { method, target, authorization: headers["authorization"], body };
    const { merchant, credentials } = authenticate(
      signed,
      merchants,
      clock.now(),
      settings.nestedSignErrors,
    );
    const nonce = `${merchant.mchid}/${credentials.nonce_str}`;
    if (settings.refuseNonceReuse && nonces.has(nonce)) throw signError("随机串重复，请更换后重试");
    nonces.add(nonce);
    const [path = "", ...query] = target.split("?");
    assertTypes(path, headers, body);
    return await dispatch(world, {
      merchant,
      method,
      path,
      query: new URLSearchParams(query.join("?")),
      keyId: headers["wechatpay-serial"],
      body,
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return errorAnswer(error);
  }
}

/** JSON must be asked for, and said to be sent. */
function assertTypes(path: string, headers: Readonly<Record<string, string>>, body: Buffer): void {
  const ranges = (headers["accept"] ?? "").split(",").map((range) => range.split(";")[0]?.trim());
  const any = path.startsWith("/v3/billdownload/") && ranges.includes("*/*");
  if (!any && !ranges.includes("application/json")) {
    throw paramError("Accept", headers["accept"], "应为application/json", "header");
  }
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim();
  if (body.length > 0 && type !== "application/json") {
    throw paramError("Content-Type", type, "应为application/json", "header");
  }
}

function answerHeaders(
  world: World,
  entry: RequestEntry,
  answer: Answer,
  fault: Fault | null,
): Record<string, string> {
  const { clock, keys, random, settings } = world;
  const number = answer instanceof ErrorAnswer ? answer.number : 0;
  const headers: Record<string, string> = { "Request-ID": `${random.hex(42).toUpperCase()}-${number}` };
  if (answer.status !== 204) headers["Content-Type"] = answer.contentType;
  if (!answer.isSigned || (answer.status >= 400 && !settings.signErrors)) return headers;
  const nowMs = clock.now();
  const key = keys.forAnswer(entry.headers["wechatpay-serial"], nowMs);
  const signedMs = fault?.kind === "timestamp" ? nowMs + fault.offsetSeconds * SECOND_MS : nowMs;
  const signature = signatureHeaders(key, answer.body, signedMs, random.alphanumeric(32));
  if (fault?.kind === "bad-signature") {
    signature["Wechatpay-Signature"] = flipped(signature["Wechatpay-Signature"] ?? "");
  } else if (fault?.kind === "signtest") {
    signature["Wechatpay-Signature"] = `WECHATPAY/SIGNTEST/${random.alphanumeric(325)}`;
  } else if (fault?.kind === "wrong-serial") {
    signature["Wechatpay-Serial"] = keys.other(key, nowMs).id;
  } else if (fault?.kind === "unknown-serial") {
    signature["Wechatpay-Serial"] = random.hex(40).toUpperCase();
  } else if (fault?.kind === "missing-headers") {
    for (const name of fault.headers ?? Object.keys(signature)) delete signature[name];
  }
  return { ...headers, ...signature };
}

class ErrorAnswer implements Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly number: number;
  readonly contentType = JSON_TYPE;
  readonly isSigned = true;

  constructor(error: ApiError) {
    this.status = error.status;
    this.body = error.body();
    this.number = error.number;
  }
}

function errorAnswer(error: ApiError): Answer {
  return new ErrorAnswer(error);
}

function systemError(): ApiError {
  return new ApiError(500, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用");
}

/** The answer of a fault that keeps the request from being carried out. */
function answerInstead(fault: Fault): Answer | null {
  if (fault.kind === "rate-limited") {
    return errorAnswer(new ApiError(429, "FREQUENCY_LIMITED", "请求频率超限，请降低频率后重试"));
  }
  if (fault.kind === "system-error" && fault.when === "before") return errorAnswer(systemError());
  if (fault.kind === "redirect") {
    return { status: 302, body: Buffer.alloc(0), contentType: "text/html", isSigned: false };
  }
  if (fault.kind !== "bad-gateway") return null;
  const body = Buffer.from("<html><head><title>502 Bad Gateway</title></head><body>502</body></html>\r\n");
  return { status: 502, body, contentType: "text/html", isSigned: false };
}

function isAt(fault: Fault, when: "before" | "after"): boolean {
  return "when" in fault && fault.when === when;
}

/** The same length with another digit or letter, so that only the signature tells. */
function altered(body: Buffer): Buffer {
  if (body.length === 0) return Buffer.from(" ");
  const copy = Buffer.from(body);
  const at = copy.findLastIndex((byte) => byte >= 0x30 && byte <= 0x39);
  const place = at < 0 ? copy.length - 1 : at;
  copy[place] = (copy[place] ?? 0) ^ 1;
  return copy;
}

function readAll(request: IncomingMessage): Promise<Buffer | "too large" | "gone"> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= BODY_BYTES_MAX) chunks.push(chunk);
      else resolve("too large");
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    // A caller that hangs up while it sends.
    request.on("error", () => resolve("gone"));
    request.on("close", () => resolve("gone"));
  });
}

/** Names in lower case; values that came several times joined. */
function headersOf(request: IncomingMessage): Record<string, string> {
  const entries = Object.entries(request.headersDistinct);
  return Object.fromEntries(entries.map(([name, values]) => [name, (values ?? []).join(", ")]));
}
