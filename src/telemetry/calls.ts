/** Observes gRPC calls: their durations, how many are under way, and a span where traced. */
import {
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
} from "@opentelemetry/api";
import { labels, type Instruments } from "./instruments.ts";
import type { CallObserver, ObservedCall } from "./observer.ts";
import { within, type Tracing } from "./tracing.ts";

/** The canonical codes by number. */
const CODE_NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** Codes that mean a fault of the server, not a "no" to the caller. */
const FAULT_CODES = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

export interface ObservedCalls extends CallObserver {
  /** Calls and stream operations that are being served now. */
  inFlight(): number;
}

export function createCallObserver(
  instruments: Pick<Instruments, "callDuration" | "callsInFlight" | "callsRefused">,
  tracing: Tracing | undefined,
): ObservedCalls {
  let inFlight = 0;
  instruments.callsInFlight.addCallback((result) => result.observe(inFlight));
  const durationLabels = labels("rpc.method", "rpc.response.status_code");
  const refusalLabels = labels("rpc.method", "reason");

  const begin = (method: string, context: Context | undefined): ObservedCall => {
    const startedMs = performance.now();
    const span = context && startSpan(tracing, method, context);
    const inner = span && trace.setSpan(context, span);
    inFlight += 1;
    return {
      run: (work) => (inner === undefined ? work() : within(inner, work)),
      operation: (kind) => begin(`${method}#${kind}`, inner),
      finished(code, reason) {
        inFlight -= 1;
        const name = CODE_NAMES[code] ?? String(code);
        const tookSeconds = (performance.now() - startedMs) / 1_000;
        instruments.callDuration.record(tookSeconds, durationLabels(method, name));
        if (reason !== undefined) instruments.callsRefused.add(1, refusalLabels(method, reason));
        if (span !== undefined) endSpan(span, name, reason);
      },
    };
  };

  return {
    started: (path, header) => begin(path.replace(/^\//, ""), tracing?.accept(header)),
    inFlight: () => inFlight,
  };
}

function startSpan(tracing: Tracing | undefined, method: string, context: Context) {
  const attributes: Attributes = { "rpc.system.name": "grpc", "rpc.method": method };
  return tracing?.tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, context);
}

function endSpan(span: Span, code: string, reason: string | undefined): void {
  span.setAttribute("rpc.response.status_code", code);
  if (reason !== undefined) span.setAttribute("billing.reason", reason);
  if (FAULT_CODES.has(code))
    span.setStatus({ code: SpanStatusCode.ERROR, message: reason ?? code });
  span.end();
}
