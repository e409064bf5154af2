/**
 * A real grpc-js server whose answers a test decides call by call: for faults that the true service
 * doesn't have on demand.
 */
import {
  Metadata,
  Server,
  ServerCredentials,
  type status as Code,
  type ServerDuplexStream,
  type sendUnaryData,
  type ServerUnaryCall,
} from "@grpc/grpc-js";

import { Reservation, Reservation_State } from "../../src/gen/billing/quota/v1/quota.ts";
import {
  QuotaServiceService,
  type QuotaOperation,
  type QuotaOperationResult,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import {
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  QuotaFailure,
  RetryInfo,
} from "../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";

/** A call as the server saw it. */
export interface SeenCall {
  readonly method: string;
  // Tests look at the fields that they sent.
  readonly request: Readonly<Record<string, unknown>>;
  readonly metadata: Metadata;
  /** Aborted when the client gives the call up or its deadline passes. */
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  /** The other end of the connection. */
  readonly peer: string;
}

/** Gives the response, or throws a Fault. A promise that never ends keeps the client waiting. */
export type Script = (call: SeenCall, index: number) => unknown;

export type StreamScript = (
  stream: ServerDuplexStream<QuotaOperation, QuotaOperationResult>,
  index: number,
) => void;

export interface ScriptedServer {
  readonly address: string;
  /** Every unary call so far, in the order of arrival. */
  readonly calls: SeenCall[];
  /** Ends at once, with all connections. */
  stop(): void;
}

/** @param port 0 for any free one */
export async function startScriptedServer(
  script: Script,
  streamScript: StreamScript = (stream) => stream.end(),
  port = 0,
): Promise<ScriptedServer> {
  const server = new Server();
  const calls: SeenCall[] = [];
  let streams = 0;
  const handlers: Record<string, unknown> = {};
  for (const [name, { path, requestStream }] of Object.entries(QuotaServiceService)) {
    handlers[name] = requestStream
      ? (stream: ServerDuplexStream<QuotaOperation, QuotaOperationResult>) =>
          streamScript(stream, (streams += 1))
      : (call: ServerUnaryCall<Record<string, unknown>, unknown>, answer: sendUnaryData<unknown>) =>
          void serve(script, calls, path.slice(path.lastIndexOf("/") + 1), call, answer);
  }
  // The handlers are made from the definition itself, so they fit it.
  server.addService(QuotaServiceService, handlers as never);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, free) =>
      error === null ? resolve(free) : reject(error),
    );
  });
  return { address: `127.0.0.1:${bound}`, calls, stop: () => server.forceShutdown() };
}

async function serve(
  script: Script,
  calls: SeenCall[],
  method: string,
  call: ServerUnaryCall<Record<string, unknown>, unknown>,
  answer: sendUnaryData<unknown>,
): Promise<void> {
  const cancelled = new AbortController();
  call.on("cancelled", () => cancelled.abort());
  const seen: SeenCall = {
    method,
    request: call.request,
    metadata: call.metadata,
    signal: cancelled.signal,
    deadlineMs: Number(call.getDeadline()) - Date.now(),
    peer: call.getPeer(),
  };
  calls.push(seen);
  try {
    answer(null, await script(seen, calls.length));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    answer({ code: error.code, details: error.message, metadata: error.trailers() });
  }
}

interface FaultDetails {
  readonly reason?: string;
  readonly domain?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retryDelayMs?: number;
  readonly fields?: readonly (readonly [field: string, description: string])[];
  readonly quota?: readonly (readonly [subject: string, description: string])[];
  readonly preconditions?: readonly (readonly [subject: string, description: string])[];
}

/** A status with details, as the service sends it. */
export class Fault extends Error {
  readonly code: Code;
  readonly facts: FaultDetails;

  constructor(code: Code, message: string, facts: FaultDetails = {}) {
    super(message);
    this.code = code;
    this.facts = facts;
  }

  trailers(): Metadata {
    const metadata = new Metadata();
    metadata.set("grpc-status-details-bin", Buffer.from(Status.encode(this.status()).finish()));
    return metadata;
  }

  status(): Status {
    return { code: this.code, message: this.message, details: detailsOf(this.facts) };
  }
}

function detailsOf(facts: FaultDetails): Status["details"] {
  const {
    reason,
    domain = "billing-guard",
    metadata = {},
    retryDelayMs,
    fields,
    quota,
    preconditions,
  } = facts;
  const details: Status["details"] = [];
  const add = (type: string, bytes: Uint8Array): void => {
    details.push({ typeUrl: `type.googleapis.com/google.rpc.${type}`, value: Buffer.from(bytes) });
  };
  if (reason !== undefined) {
    const info = { reason, domain, metadata: new Map(Object.entries(metadata)) };
    add("ErrorInfo", ErrorInfo.encode(info).finish());
  }
  if (retryDelayMs !== undefined) {
    const retryDelay = {
      seconds: BigInt(Math.trunc(retryDelayMs / 1_000)),
      nanos: (retryDelayMs % 1_000) * 1e6,
    };
    add("RetryInfo", RetryInfo.encode({ retryDelay }).finish());
  }
  if (fields !== undefined) {
    const fieldViolations = fields.map(([field, description]) => ({ field, description }));
    add("BadRequest", BadRequest.encode(BadRequest.fromPartial({ fieldViolations })).finish());
  }
  if (quota !== undefined) {
    const violations = quota.map(([subject, description]) => ({ subject, description }));
    add("QuotaFailure", QuotaFailure.encode(QuotaFailure.fromPartial({ violations })).finish());
  }
  if (preconditions !== undefined) {
    const violations = preconditions.map(([subject, description]) => ({
      type: "T",
      subject,
      description,
    }));
    add("PreconditionFailure", PreconditionFailure.encode({ violations }).finish());
  }
  return details;
}

/** A reservation, held unless told otherwise. */
export function reservationOf(
  reservationId: string,
  state: keyof typeof Reservation_State = "HELD",
) {
  return Reservation.fromPartial({ reservationId, state: Reservation_State[state], amount: 5n });
}

export const BALANCE = {
  userId: "u1",
  available: 95n,
  held: 5n,
  nextExpireTime: undefined,
  nextExpireAmount: 0n,
};
