/**
 * Calls of the API: a request is sent again, with the same numbers and the same body, for as long as nobody
 * knows what became of it, and within a deadline. An answer of 2xx counts only when its signature holds.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayFault, type GatewayFaultKind } from "../billing/order/gateway.ts";
import { readError, type ErrorReply } from "./error-code.ts";
import { exchange, neverLeft, type Answer } from "./exchange.ts";
import type { KeyKind } from "./key-ring.ts";
import type { WechatTimeouts } from "./options.ts";
import type { SignatureFault } from "./signature.ts";
import type { Build, SignedRequest } from "./signed-request.ts";

export type Reply = ErrorReply | { readonly kind: "ok"; readonly status: number; readonly body: Buffer };

export interface CallOptions {
  /** The caller gives up. */
  readonly signal?: AbortSignal | undefined;
  /** Who checks the signature of a 2xx; null only for the download of bills, which are never signed. */
  readonly verify?: Verify | null;
  readonly bodyMax?: number;
  /** For one attempt, and for all; milliseconds. */
  readonly attemptMs?: number;
  readonly totalMs?: number;
  /** False: a "too often" is an answer. Refunds that fail have a limit that trying again would use up. */
  readonly againWhenLimited?: boolean;
}

/** Undefined when the answer was signed by WeChat Pay just now. */
export type Verify = (answer: Answer) => Promise<SignatureFault | undefined>;

/** Told of every attempt. None of its methods throws. */
export interface GatewayObserver {
  /**
   * @param operation such as `prepay` or `query-refund`
   * @param outcome `refused` is a clear no; the rest are kinds of GatewayFault, or `aborted`
   */
  attempted(
    operation: string,
    host: string,
    outcome: "ok" | "refused" | "aborted" | GatewayFaultKind,
    durationMs: number,
  ): void;
  /** A signature of WeChat Pay's held: what shows how far a change-over of its keys has come. */
  signed(what: SignedPart, by: KeyKind): void;
}

/** What WeChat Pay signs. */
export type SignedPart = "callback" | "answer";

export interface TransportOptions {
  readonly baseUrls: readonly URL[];
  readonly timeouts: WechatTimeouts;
  readonly publicKeyId: string | null;
  readonly verify: Verify;
  readonly observer: GatewayObserver;
}

/** A first attempt, one more, and a last one: who still fails then has a trouble that waiting won't end. */
const ATTEMPTS_MAX = 3;
/** A bad signature may be WeChat Pay's own test of us, which the next answer doesn't repeat. */
const UNTRUSTED_ATTEMPTS_MAX = 2;
const BACKOFF_MS = 200;
/** Less time than this is no attempt. */
const ATTEMPT_MS_MIN = 100;
/** Answers have some kilobytes. */
const BODY_MAX = 1 << 20;
/** How long the back-up host is asked first after the primary could not be reached. */
const PREFER_MS = 60_000;

export class Transport {
  readonly #options: TransportOptions;
  #preferred = 0;
  #preferredUntilMs = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /**
   * @throws GatewayFault when it is not known what the provider did
   * @throws the signal's reason
   */
  async call(operation: string, build: Build, options: CallOptions = {}): Promise<Reply> {
    const { timeouts, baseUrls } = this.#options;
    const endMs = performance.now() + (options.totalMs ?? timeouts.totalMs);
    let host = performance.now() < this.#preferredUntilMs ? this.#preferred : 0;
    for (let attempt = 1; ; attempt += 1) {
      const leftMs = endMs - performance.now();
      const timeoutMs = Math.min(options.attemptMs ?? timeouts.attemptMs, leftMs);
      try {
        return await this.#attempt(operation, baseUrls[host]!, build, options, timeoutMs);
      } catch (error) {
        if (!(error instanceof GatewayFault)) throw error;
        const waitMs = pauseAfter(error, attempt, options);
        if (waitMs === undefined || endMs - performance.now() < waitMs + ATTEMPT_MS_MIN) throw error;
        if (error.kind === "unreachable" || error.kind === "timeout") {
          host = (host + 1) % baseUrls.length;
          this.#preferred = host;
          this.#preferredUntilMs = performance.now() + PREFER_MS;
        }
        if (waitMs > 0) await sleep(waitMs, undefined, { signal: options.signal }).catch(() => {
          options.signal?.throwIfAborted();
        });
      }
    }
  }

  async #attempt(
    operation: string,
    base: URL,
    build: Build,
    options: CallOptions,
    timeoutMs: number,
  ): Promise<Reply> {
    const { observer, publicKeyId } = this.#options;
    const request: SignedRequest = await build();
    const { signal, bodyMax = BODY_MAX } = options;
    signal?.throwIfAborted();
    const startMs = performance.now();
    let outcome: Parameters<GatewayObserver["attempted"]>[2] = "aborted";
    try {
      const limits = { timeoutMs, bodyMax, signal };
      const reply = await this.#read(await exchange(base, request, publicKeyId, limits), options);
      outcome = reply.kind === "ok" ? "ok" : "refused";
      return reply;
    } catch (error) {
      if (error instanceof GatewayFault) outcome = error.kind;
      throw error;
    } finally {
      observer.attempted(operation, base.host, outcome, performance.now() - startMs);
    }
  }

  async #read(answer: Answer, { verify = this.#options.verify }: CallOptions): Promise<Reply> {
    const { status, body } = answer;
    if (status < 200 || status > 299) return readError(status, body);
    const fault = await verify?.(answer);
    if (fault !== undefined) throw new GatewayFault("untrusted", `its signature is refused: ${fault}`);
    // Taken, and not done yet.
    if (status !== 200 && status !== 204) throw new GatewayFault("provider-error", `answered ${status}`);
    return { kind: "ok", status, body };
  }
}

/** How long to wait before the next attempt, in milliseconds; undefined for: not again. */
function pauseAfter(
  fault: GatewayFault,
  attempt: number,
  { againWhenLimited = true }: CallOptions,
): number | undefined {
  if (attempt >= ATTEMPTS_MAX) return undefined;
  switch (fault.kind) {
    case "unauthorized":
      return undefined;
    case "untrusted":
      return attempt < UNTRUSTED_ATTEMPTS_MAX ? 0 : undefined;
    case "rate-limited":
      return againWhenLimited ? backOff(attempt) : undefined;
    case "provider-error":
      return backOff(attempt);
    case "timeout":
      return 0;
    case "unreachable":
      return neverLeft(fault) && attempt === 1 ? 0 : backOff(attempt);
    default:
      return fault.kind satisfies never;
  }
}

/** Twice as long each time, and by chance somewhere between half of it and all, so that callers spread. */
function backOff(attempt: number): number {
  return BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
}
