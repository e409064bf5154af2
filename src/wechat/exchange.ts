/** One request, one answer: within a deadline, of bounded size, and never led elsewhere. */
import { GatewayFault } from "../billing/order/gateway.ts";
import type { HeaderReader } from "./signature.ts";
import type { SignedRequest } from "./signed-request.ts";

export interface Answer {
  readonly status: number;
  readonly header: HeaderReader;
  /** The bytes as they came, which is what is signed. */
  readonly body: Buffer;
}

export interface ExchangeLimits {
  readonly timeoutMs: number;
  /** Bytes of the body at most. */
  readonly bodyMax: number;
  /** The caller gives up. */
  readonly signal: AbortSignal | undefined;
}

/** Codes of Node and its HTTP client for "no byte of the request has left". */
const NOT_CONNECTED: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/**
 * @param publicKeyId goes into `Wechatpay-Serial`: WeChat Pay signs its answer with that key
 * @throws GatewayFault "unreachable", "timeout" or "untrusted" (too long, or a redirection)
 * @throws the signal's reason when the caller gave up
 */
export async function exchange(
  base: URL,
  request: SignedRequest,
  publicKeyId: string | null,
  limits: ExchangeLimits,
): Promise<Answer> {
  const { timeoutMs, signal } = limits;
  const deadline = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
  try {
    const response = await fetch(base.origin + request.target, {
      method: request.method,
      body: request.body,
      headers: {
        ...request.headers,
        "Accept-Encoding": "identity",
        ...(publicKeyId !== null && !namesKey(request) && { "Wechatpay-Serial": publicKeyId }),
      },
      redirect: "manual",
      signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
    });
    const header: HeaderReader = (name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [value];
    };
    const body = await readBounded(response, limits.bodyMax);
    if (response.status >= 300 && response.status < 400) {
      throw new GatewayFault("untrusted", `answered with a redirection (${response.status})`);
    }
    return { status: response.status, header, body };
  } catch (error) {
    if (error instanceof GatewayFault) throw error;
    signal?.throwIfAborted();
    if (deadline.aborted) {
      throw new GatewayFault("timeout", `no answer within ${Math.ceil(timeoutMs)} ms`, { cause: error });
    }
    throw new GatewayFault("unreachable", "no connection, or it broke", { cause: error });
  }
}

function namesKey({ headers }: SignedRequest): boolean {
  return "Wechatpay-Serial" in headers;
}

/** Whether the request can't have arrived. */
export function neverLeft(fault: GatewayFault): boolean {
  const { cause } = fault;
  if (!(cause instanceof Error)) return false;
  const inner: unknown = cause.cause ?? cause;
  const errors: readonly unknown[] = inner instanceof AggregateError ? inner.errors : [inner];
  return errors.every((error) => NOT_CONNECTED.has((error as { code?: unknown } | null)?.code));
}

async function readBounded(response: Response, max: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    length += bytes.length;
    // Leaving the loop cancels the rest.
    if (length > max) throw new GatewayFault("untrusted", `an answer longer than ${max} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, length);
}
