/**
 * The adapter between grpc-js and our handlers. Plain functions around each handler and no
 * interceptors: each of those would cost some percent of a call. No promise gets away unhandled
 * here; grpc-js would let it end the process.
 */
import { randomUUID } from "node:crypto";
import { status, type handleUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import type { Caller } from "../billing/id.ts";
import { BadField } from "../billing/refusal.ts";
import type { ObservedCall } from "../telemetry/observer.ts";
import type { CallGate } from "./call-gate.ts";
import type { MethodAccess } from "./contract.ts";
import type { SurfaceCall } from "./identity.ts";
import { failureOf, statusObject, WireRefusal } from "./status.ts";

/** What a handler knows of its call besides the request. */
export interface WireCall {
  readonly caller: Caller;
  /** Aborted with a WireRefusal when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export type Handle<Request, Response> = (request: Request, call: WireCall) => Promise<Response>;

/** Stands in for a request whose bytes were no message of its type. */
export const UNDECODABLE = Object.freeze({ undecodable: true });

/** Stands in for a request that is larger than its service takes. */
export const OVERSIZED = Object.freeze({ oversized: true });
/** Our largest request but reviews, 1000 ids in SetFeatureAccess, takes 65 KiB. */
export const REQUEST_BYTES_MAX = 1024 * 1024;

/** What callers may name their requests, so that their log and ours can be read together. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** A unary method: admitted by the gate, served by `handle`, answered with a value or a status. */
export function unary<Request, Response>(
  gate: CallGate,
  path: string,
  handle: Handle<Request, Response>,
): handleUnaryCall<Request, Response> {
  const access = gate.accessOf(path);
  return (call, callback) => {
    const observed = gate.observer.started(path, (name) => headerOf(call, name));
    const cancellation = new AbortController();
    const answering: Answering<Response> = { gate, access, call, observed, callback, caller: "" };
    call.on("cancelled", () => {
      // It is told of every call's end, answered ones too.
      if (!answering.isOver) cancellation.abort(cancelledRefusal(call));
    });
    serve(answering, call.request, cancellation.signal, handle)
      .then(
        (response) => answer(answering, response),
        (error: unknown) => refuse(answering, error),
      )
      .catch((fault: unknown) => {
        gate.log.error({ err: fault, method: path }, "an answer couldn't be handed to grpc-js");
      });
  };
}

interface Answering<Response> {
  readonly gate: CallGate;
  readonly access: MethodAccess;
  readonly call: SurfaceCall;
  readonly observed: ObservedCall;
  readonly callback: sendUnaryData<Response>;
  caller: string;
  hasEntered?: boolean;
  isOver?: boolean;
}

async function serve<Request, Response>(
  answering: Answering<Response>,
  request: Request,
  signal: AbortSignal,
  handle: Handle<Request, Response>,
): Promise<Response> {
  const { gate, access, call, observed } = answering;
  const { caller } = gate.authorize(call, access);
  answering.caller = caller.name;
  gate.enter();
  answering.hasEntered = true;
  const fault = unreadable(request);
  if (fault !== undefined) throw fault;
  return observed.run(() => handle(request, { caller, signal }));
}

function answer<Response>(answering: Answering<Response>, response: Response): void {
  const { call, observed, callback } = answering;
  end(answering);
  callback(null, response);
  // What came too late was decided all the same, and nobody heard it.
  observed.finished(call.cancelled ? cancelledCode(call) : status.OK, undefined);
}

function refuse<Response>(answering: Answering<Response>, error: unknown): void {
  const { gate, access, call, caller, observed, callback } = answering;
  end(answering);
  // Within the call's span: the log line of a fault bears its trace.
  const failed = observed.run(() =>
    failureOf(error, {
      path: access.path,
      caller,
      log: gate.log,
      requestId: () => requestIdOf(call),
    }),
  );
  callback(statusObject(failed));
  observed.finished(failed.code, failed.reason);
}

function end<Response>(answering: Answering<Response>): void {
  answering.isOver = true;
  if (answering.hasEntered) answering.gate.leave();
}

/** Why nobody waits any more: the deadline is over, or the caller has given up. */
export function cancelledRefusal(call: SurfaceCall): WireRefusal {
  return cancelledCode(call) === status.DEADLINE_EXCEEDED
    ? new WireRefusal("DEADLINE_EXCEEDED", "the deadline passed before the call was decided")
    : new WireRefusal("CANCELLED", "the caller gave the call up before it was decided");
}

function cancelledCode(call: SurfaceCall): status {
  return Date.now() >= Number(call.getDeadline()) ? status.DEADLINE_EXCEEDED : status.CANCELLED;
}

/** What is wrong with a request that was never read; undefined for one that was. */
export function unreadable(request: unknown): BadField | undefined {
  const refused = (rule: string) => new BadField([{ field: "", rule }]);
  if (request === UNDECODABLE) {
    return refused("the request is no message of the method's request type");
  }
  if (request !== OVERSIZED) return undefined;
  return refused(`the request must have at most ${REQUEST_BYTES_MAX} bytes`);
}

/** A request header; undefined when it isn't there. */
export function headerOf(call: SurfaceCall, name: string): string | undefined {
  const [value] = call.metadata.get(name);
  return value === undefined ? undefined : String(value);
}

/** The caller's name for the request, or one of ours. */
export function requestIdOf(call: SurfaceCall): string {
  const given = headerOf(call, "x-request-id");
  return given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
}
