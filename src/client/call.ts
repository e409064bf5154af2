/**
 * One call: attempts with deadlines, repeated by the retry policy until it is answered or given up.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import { Client, Metadata, status as Code, type ClientDuplexStream } from "@grpc/grpc-js";

import { BillingError, toBillingError } from "./errors.ts";
import type { ClientConfig } from "./options.ts";
import {
  afterFailure,
  afterSuccess,
  budgetAllows,
  fullBudget,
  pauseBeforeRetryMs,
} from "./retry.ts";
import type { BudgetTokens } from "./retry.ts";
import { injectActiveContext, startCallSpan, type CallSpan } from "./trace.ts";

/** A method without streams, as it stands in a generated service definition. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: false;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** A method with a stream each way. */
export interface BidiMethod<Request, Response> {
  readonly path: string;
  readonly requestStream: true;
  readonly responseStream: true;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

export interface CallOptions {
  /**
   * How long the call may take with all its repetitions, in milliseconds; the client's when absent.
   */
  readonly deadlineMs?: number | undefined;
  /** Gives the call up. Whether it happened is unknown then; the same key finds out. */
  readonly signal?: AbortSignal | undefined;
}

/** Sends calls over the client's channels. */
export interface Caller {
  readonly config: ClientConfig;
  unary<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options?: CallOptions,
  ): Promise<Response>;
  /** Opens a stream on the next channel. */
  bidi<Request, Response>(
    method: BidiMethod<Request, Response>,
  ): Promise<ClientDuplexStream<Request, Response>>;
  /**
   * What the retry budget says to one more repetition after this failure, which it takes note of.
   */
  pauseBeforeRetryMs(
    failure: BillingError,
    attempts: number,
    remainingMs: number,
  ): number | undefined;
  /** Tells the budget of a call that was answered. */
  noteSuccess(): void;
  /** Ends all channels; calls under way fail. */
  close(): void;
}

export function createCaller(config: ClientConfig): Caller {
  const channels = Array.from(
    { length: config.channels },
    () => new Client(config.address, config.credentials, config.channelOptions),
  );
  let turn = 0;
  let tokens: BudgetTokens = fullBudget(config.retry);
  const nextChannel = (): Client => channels[(turn = (turn + 1) % channels.length)]!;

  const caller: Caller = {
    config,
    unary: (method, request, options = {}) =>
      callUntilAnswered(caller, nextChannel, method, request, options),
    async bidi(method) {
      const metadata = await authorized(config);
      injectActiveContext(metadata);
      const { path, requestSerialize, responseDeserialize } = method;
      return nextChannel().makeBidiStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadata,
      );
    },
    pauseBeforeRetryMs(failure, attempts, remainingMs) {
      const hasBudget = budgetAllows(config.retry, tokens);
      tokens = afterFailure(config.retry, tokens, failure);
      return pauseBeforeRetryMs(config.retry, failure, {
        attempts,
        remainingMs,
        random: Math.random(),
        hasBudget,
      });
    },
    noteSuccess() {
      tokens = afterSuccess(config.retry, tokens);
    },
    close() {
      for (const channel of channels) channel.close();
    },
  };
  return caller;
}

async function callUntilAnswered<Request, Response>(
  caller: Caller,
  nextChannel: () => Client,
  method: UnaryMethod<Request, Response>,
  request: Request,
  { deadlineMs = caller.config.callerDeadlineMs, signal }: CallOptions,
): Promise<Response> {
  const endMs = performance.now() + deadlineMs;
  const span = startCallSpan(method.path);
  for (let attempts = 1; ; attempts++) {
    try {
      const remainingMs = endMs - performance.now();
      const response = await attempt(caller.config, nextChannel(), method, request, {
        remainingMs,
        signal,
        span,
      });
      caller.noteSuccess();
      span.end();
      return response;
    } catch (error) {
      const failure = toBillingError(error);
      const remainingMs = endMs - performance.now();
      const pauseMs = signal?.aborted
        ? undefined
        : caller.pauseBeforeRetryMs(failure, attempts, remainingMs);
      if (pauseMs === undefined) {
        span.end(failure);
        throw failure;
      }
      span.retried(attempts, failure, pauseMs);
      // Waking early is right: the next attempt sees the signal and ends the call.
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

interface AttemptOptions {
  readonly remainingMs: number;
  readonly signal: AbortSignal | undefined;
  readonly span: CallSpan;
}

async function attempt<Request, Response>(
  config: ClientConfig,
  channel: Client,
  { path, requestSerialize, responseDeserialize }: UnaryMethod<Request, Response>,
  request: Request,
  { remainingMs, signal, span }: AttemptOptions,
): Promise<Response> {
  if (signal?.aborted) throw givenUp(signal);
  const metadata = await authorized(config);
  span.inject(metadata);
  const deadline = Date.now() + Math.min(remainingMs, config.attemptDeadlineMs);
  return new Promise((resolve, reject) => {
    const call = channel.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline },
      (error, response) => {
        signal?.removeEventListener("abort", cancel);
        if (error !== null) {
          reject(signal?.aborted ? givenUp(signal) : toBillingError(error));
        } else if (response === undefined) {
          reject(new TypeError(`${path} was answered without a message`));
        } else {
          resolve(response);
        }
      },
    );
    function cancel(): void {
      call.cancel();
    }
    signal?.addEventListener("abort", cancel, { once: true });
  });
}

function givenUp({ reason }: AbortSignal): BillingError {
  const message = "the caller gave the call up; its outcome is unknown";
  return new BillingError({ code: Code.CANCELLED, message, cause: reason });
}

async function authorized({ token }: ClientConfig): Promise<Metadata> {
  const metadata = new Metadata();
  if (token === undefined) return metadata;
  const present = typeof token === "function" ? await token() : token;
  metadata.set("authorization", `Bearer ${present}`);
  return metadata;
}
