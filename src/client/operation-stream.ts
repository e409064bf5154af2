/** The engine under a QuotaStream: what is on the wire, what waits for it, and what breaks mean. */
import { performance } from "node:perf_hooks";

import { status as Code, type ClientDuplexStream, type StatusObject } from "@grpc/grpc-js";

import {
  QuotaServiceService,
  type QuotaOperation,
  type QuotaOperationResult,
} from "../gen/billing/quota/v1/quota_service.ts";
import type { Caller } from "./call.ts";
import { BillingError, fromStatus, toBillingError } from "./errors.ts";
import { backoffMs, isRepeatable } from "./retry.ts";

/** A caller that has more than this waiting should wait itself; each costs memory on both sides. */
const PENDING_MAX = 10_000;

/** What is to be done. */
export type Payload = NonNullable<QuotaOperation["operation"]>;
/** What an operation that passed is answered with. */
export type Result = NonNullable<QuotaOperationResult["result"]>;
type Call = ClientDuplexStream<QuotaOperation, QuotaOperationResult>;

interface Operation {
  readonly message: QuotaOperation;
  readonly endMs: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: BillingError) => void;
  attempts: number;
  ended: boolean;
}

interface Limits {
  readonly maxInFlight: number;
  readonly deadlineMs: number;
  readonly stallMs: number;
}

export class OperationStream {
  readonly #caller: Caller;
  readonly #maxInFlight: number;
  readonly #deadlineMs: number;
  readonly #stallMs: number;
  /** All that has not ended, by correlation id. */
  readonly #pending = new Map<string, Operation>();
  /** Those of them that are on the wire. */
  readonly #sent = new Set<Operation>();
  /** Those that wait for the wire, and some that have ended meanwhile. */
  #queue: Operation[] = [];
  #call: Call | undefined;
  /** True from a broken stream until the next is opened. */
  #opening = false;
  /** Streams that broke since the last answer. */
  #breaks = 0;
  #submitted = 0;
  #lastAnswerMs = 0;
  #watch: NodeJS.Timeout | undefined;
  #closing: PromiseWithResolvers<void> | undefined;

  constructor(caller: Caller, { maxInFlight, deadlineMs, stallMs }: Limits) {
    this.#caller = caller;
    this.#maxInFlight = maxInFlight;
    this.#deadlineMs = deadlineMs;
    this.#stallMs = stallMs;
  }

  submit(payload: Payload): Promise<Result> {
    if (this.#closing !== undefined) {
      return Promise.reject(localError(Code.CANCELLED, "the stream is closed"));
    }
    if (this.#pending.size >= PENDING_MAX) {
      const message = `${PENDING_MAX} operations wait already`;
      return Promise.reject(localError(Code.RESOURCE_EXHAUSTED, message));
    }
    const correlationId = (this.#submitted += 1).toString(36);
    return new Promise((resolve, reject) => {
      const operation: Operation = {
        message: { correlationId, operation: payload },
        endMs: performance.now() + this.#deadlineMs,
        timer: setTimeout(() => this.#expire(operation), this.#deadlineMs),
        resolve,
        reject,
        attempts: 0,
        ended: false,
      };
      this.#pending.set(correlationId, operation);
      this.#queue.push(operation);
      this.#pump();
    });
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>();
    this.#closeIfDone();
    await this.#closing.promise;
  }

  #pump(): void {
    if (this.#call === undefined) {
      void this.#open();
      return;
    }
    let taken = 0;
    for (const operation of this.#queue) {
      if (this.#sent.size >= this.#maxInFlight) break;
      taken += 1;
      if (operation.ended) continue;
      if (this.#sent.size === 0) this.#lastAnswerMs = performance.now();
      this.#sent.add(operation);
      this.#call.write(operation.message);
    }
    this.#queue.splice(0, taken);
    // The operations' own timers keep the program alive; these two need not.
    this.#watch ??= setTimeout(() => this.#checkStall(), this.#stallMs).unref();
  }

  async #open(): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    try {
      const call = await this.#caller.bidi(QuotaServiceService.processQuota);
      this.#call = call;
      call.on("data", (result: QuotaOperationResult) => this.#answered(result));
      // The status event that follows says the same and more.
      call.on("error", () => undefined);
      call.on("status", (status: StatusObject) => this.#broken(call, status));
      this.#opening = false;
      this.#pump();
      // All that the stream was opened for may have run out of time meanwhile.
      this.#closeIfDone();
    } catch (error) {
      this.#opening = false;
      this.#failAll(toBillingError(error));
    }
  }

  #answered({ correlationId, result }: QuotaOperationResult): void {
    this.#breaks = 0;
    this.#lastAnswerMs = performance.now();
    const operation = this.#pending.get(correlationId);
    // An answer to what was given up, or the second one to what was sent twice.
    if (operation === undefined) return;
    this.#sent.delete(operation);
    if (result === undefined) {
      this.#end(operation, localError(Code.INTERNAL, "the answer is empty"));
    } else if (result.$case === "error") {
      this.#refused(operation, fromStatus(result.value));
    } else {
      this.#caller.noteSuccess();
      this.#end(operation, result);
    }
    this.#pump();
  }

  #refused(operation: Operation, failure: BillingError): void {
    operation.attempts += 1;
    const remainingMs = operation.endMs - performance.now();
    const pauseMs = this.#caller.pauseBeforeRetryMs(failure, operation.attempts, remainingMs);
    if (pauseMs === undefined) this.#end(operation, failure);
    else setTimeout(() => this.#sendAgain(operation), pauseMs);
  }

  #sendAgain(operation: Operation): void {
    if (operation.ended) return;
    this.#queue.push(operation);
    this.#pump();
  }

  #broken(call: Call, status: StatusObject): void {
    if (call !== this.#call) return;
    this.#call = undefined;
    this.#queue = [...this.#sent, ...this.#queue];
    this.#sent.clear();
    if (this.#pending.size === 0) return this.#closeIfDone();
    const failure = toBillingError(Object.assign(new Error(status.details), status));
    if (status.code !== Code.OK && !isRepeatable(failure)) return this.#failAll(failure);
    this.#breaks += 1;
    const askedMs = failure.retryDelayMs ?? 0;
    const pauseMs = askedMs + backoffMs(this.#caller.config.retry, this.#breaks, Math.random());
    this.#opening = true;
    setTimeout(() => {
      this.#opening = false;
      if (this.#pending.size > 0) this.#pump();
      else this.#closeIfDone();
    }, pauseMs).unref();
  }

  #checkStall(): void {
    this.#watch = undefined;
    if (this.#sent.size === 0) return;
    const silentMs = performance.now() - this.#lastAnswerMs;
    // A cancelled stream ends with a status, and that opens the next one.
    if (silentMs >= this.#stallMs) this.#call?.cancel();
    this.#watch = setTimeout(
      () => this.#checkStall(),
      Math.max(1, this.#stallMs - silentMs),
    ).unref();
  }

  #expire(operation: Operation): void {
    this.#sent.delete(operation);
    this.#end(
      operation,
      localError(Code.DEADLINE_EXCEEDED, "no answer came in time; the outcome is unknown"),
    );
    if (this.#call !== undefined) this.#pump();
  }

  #failAll(failure: BillingError): void {
    this.#sent.clear();
    this.#queue = [];
    for (const operation of this.#pending.values()) this.#end(operation, failure);
  }

  #end(operation: Operation, outcome: Result | BillingError): void {
    operation.ended = true;
    clearTimeout(operation.timer);
    this.#pending.delete(operation.message.correlationId);
    if (outcome instanceof BillingError) operation.reject(outcome);
    else operation.resolve(outcome);
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#closing === undefined || this.#pending.size > 0) return;
    clearTimeout(this.#watch);
    const call = this.#call;
    if (call === undefined) return this.#closing.resolve();
    this.#call = undefined;
    // A server that doesn't answer the end of the stream must not keep us here.
    const timer = setTimeout(() => call.cancel(), this.#stallMs);
    call.on("status", () => {
      clearTimeout(timer);
      this.#closing?.resolve();
    });
    call.end();
  }
}

function localError(code: Code, message: string): BillingError {
  return new BillingError({ code, message });
}
