/**
 * Traces: from the caller's span over ours to each SQL statement. Nothing is patched: the wire says
 * when a call begins, mysql2 and ioredis publish what they do. Off, or for a call that isn't
 * sampled, a trace costs a comparison.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import {
  defaultTextMapGetter,
  isSpanContextValid,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type Span,
  type Tracer,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TracerProvider,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";

export interface TracingOptions {
  /** The share of the calls that come without a trace of their own, from 0 to 1, that start one. */
  readonly sampleRatio: number;
  readonly resource: Readonly<Record<string, string>>;
  readonly processor: SpanProcessor;
}

export interface Tracing {
  readonly tracer: Tracer;
  /**
   * The context that a call begins in: its caller's trace, where the headers name one.
   * @returns undefined when the call isn't sampled: its caller says so, or the dice do
   */
  accept(header: (name: string) => string | undefined): Context | undefined;
  close(): Promise<void>;
}

/** Spans that wait for the exporter at most; beyond that they are dropped, never the service. */
const SPAN_QUEUE_MAX = 8_192;
const EXPORT_TIMEOUT_MS = 5_000;

/** The context of the work that runs now; empty where it isn't traced. */
const scope = new AsyncLocalStorage<Context>();

/** Runs work within a context, or untraced. */
export function within<T>(context: Context | undefined, work: () => T): T {
  return scope.run(context ?? ROOT_CONTEXT, work);
}

/** The context of the traced work that runs now. */
export function activeContext(): Context | undefined {
  const context = scope.getStore();
  return context === ROOT_CONTEXT ? undefined : context;
}

/** The span of the traced work that runs now. */
export function activeSpan(): Span | undefined {
  const context = activeContext();
  return context && trace.getSpan(context);
}

/** The id of the trace that runs now, 32 hexadecimal digits. */
export function activeTraceId(): string | undefined {
  return activeSpan()?.spanContext().traceId;
}

/** Sends spans to a collector by OTLP over HTTP; `endpoint` without the path `/v1/traces`. */
export function exportTo(endpoint: string): SpanProcessor {
  const url = `${endpoint.replace(/\/$/, "")}/v1/traces`;
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS });
  return new BatchSpanProcessor({
    exporter,
    maxQueueSize: SPAN_QUEUE_MAX,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
  });
}

export function startTracing({ sampleRatio, resource, processor }: TracingOptions): Tracing {
  const provider = new TracerProvider({
    resource: resourceFromAttributes(resource),
    // Whether a trace begins here, `accept` has decided; below a span all are of one mind.
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanProcessors: [processor],
  });
  const propagator = new W3CTraceContextPropagator();
  const keys = ["traceparent", "tracestate"];
  return {
    tracer: provider.getTracer("billing-guard"),
    accept(header) {
      if (header("traceparent") !== undefined) {
        const carrier = Object.fromEntries(keys.map((name) => [name, header(name)]));
        const context = propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
        const parent = trace.getSpanContext(context);
        // A header that breaks the rules of W3C is as good as none.
        if (parent !== undefined && isSpanContextValid(parent)) {
          return parent.traceFlags & TraceFlags.SAMPLED ? context : undefined;
        }
      }
      // The dice are thrown before anything is made for the many calls that aren't sampled.
      return Math.random() < sampleRatio ? ROOT_CONTEXT : undefined;
    },
    async close() {
      await provider.forceFlush({ timeoutMillis: EXPORT_TIMEOUT_MS });
      await provider.shutdown();
    },
  };
}
