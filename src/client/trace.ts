/**
 * One span for each call, and its W3C trace context sent along, so that one trace reaches the SQL.
 */
import type { Metadata } from "@grpc/grpc-js";
import {
  context,
  isSpanContextValid,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span,
} from "@opentelemetry/api";

import type { BillingError } from "./errors.ts";

const TRACER = "billing-guard-client";

/**
 * A call as telemetry sees it. Without an OpenTelemetry SDK in the program all of it does nothing.
 */
export interface CallSpan {
  /** Writes the trace context into the call's metadata. */
  inject(metadata: Metadata): void;
  /** Notes that the call is about to be repeated. */
  retried(attempts: number, failure: BillingError, pauseMs: number): void;
  /** Ends the span; without an error as a success. */
  end(error?: BillingError): void;
}

/** @param path the method's, such as `/billing.quota.v1.QuotaService/ReserveQuota` */
export function startCallSpan(path: string): CallSpan {
  const [, service = "", method = ""] = path.split("/");
  const span = trace.getTracer(TRACER).startSpan(`${service}/${method}`, {
    kind: SpanKind.CLIENT,
    attributes: { "rpc.system": "grpc", "rpc.service": service, "rpc.method": method },
  });
  const spanContext = trace.setSpan(context.active(), span);
  return {
    inject: (metadata) => injectContext(spanContext, metadata),
    retried(attempts, { codeName, reason = "" }, pauseMs) {
      span.addEvent("retry", { attempts, code: codeName, reason, pauseMs });
    },
    end: (error) => endSpan(span, error),
  };
}

/** Writes the trace context that is active now into a stream's metadata. */
export function injectActiveContext(metadata: Metadata): void {
  injectContext(context.active(), metadata);
}

function injectContext(from: Context, metadata: Metadata): void {
  propagation.inject(from, metadata, { set: (carrier, key, value) => carrier.set(key, value) });
  // A program may trace without having registered a propagator; the trace is worth as much.
  const spanContext = trace.getSpanContext(from);
  if (spanContext === undefined || !isSpanContextValid(spanContext)) return;
  if (metadata.get("traceparent").length > 0) return;
  const { traceId, spanId, traceFlags } = spanContext;
  const flags = (traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, "0");
  metadata.set("traceparent", `00-${traceId}-${spanId}-${flags}`);
}

function endSpan(span: Span, error: BillingError | undefined): void {
  span.setAttribute("rpc.grpc.status_code", error?.code ?? 0);
  if (error !== undefined) {
    if (error.reason !== undefined) span.setAttribute("billing.reason", error.reason);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  }
  span.end();
}
