/** Telemetry as one part: what observes what, opened before everything else and closed after it. */
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { createCallObserver } from "./calls.ts";
import { createInstruments } from "./instruments.ts";
import { createLog, type LogOptions } from "./log.ts";
import { openMetricsEndpoint } from "./metrics-endpoint.ts";
import { createTellerTraces } from "./observed-teller.ts";
import { observeQueue } from "../queue/metrics.ts";
import { observeAlerts } from "./alert-observer.ts";
import { observeBills } from "./bill-observer.ts";
import { observeLedgers } from "./ledger-observer.ts";
import { observeMemberships } from "./membership-observer.ts";
import { observeReports } from "./report-observer.ts";
import { observeReviews } from "./review-observer.ts";
import { observePayments } from "./payment-observer.ts";
import { observeProcess } from "./process-metrics.ts";
import { createRefusalShare } from "./refusal-share.ts";
import { observeStatements } from "./statements.ts";
import { observeBatches, observeLanes, observeRedis, observeSweeps } from "./store-observers.ts";
import { activeTraceId, startTracing } from "./tracing.ts";

export interface TelemetryOptions {
  /** Tells this server from its siblings in metrics, traces and logs. */
  readonly instance: string;
  readonly version: string;
  readonly log: Pick<LogOptions, "level" | "destination">;
  /** Port 0 for a free one. */
  readonly metrics: { readonly host: string; readonly port: number };
  /** Undefined: no traces. */
  readonly tracing?:
    { readonly sampleRatio: number; readonly processor: SpanProcessor } | undefined;
}

export type Telemetry = Awaited<ReturnType<typeof openTelemetry>>;

const SERVICE = "billing-guard";

/** @throws Error of node:net when the metrics' address can't be listened on */
export async function openTelemetry(options: TelemetryOptions) {
  const resource = {
    "service.name": SERVICE,
    "service.version": options.version,
    "service.instance.id": options.instance,
  };
  const base = { service: SERVICE, instance: options.instance };
  const log = createLog({ ...options.log, base, traceId: activeTraceId });
  const endpoint = await openMetricsEndpoint({ ...options.metrics, resource });
  const instruments = createInstruments(endpoint.meter);
  const tracing = options.tracing && startTracing({ ...options.tracing, resource });
  const stopProcess = observeProcess(endpoint.meter);
  const stopStatements = observeStatements(instruments, tracing);
  return {
    log,
    instruments,
    metricsUrl: endpoint.url,
    calls: createCallObserver(instruments, tracing),
    tellerTraces: createTellerTraces(tracing),
    lanes: observeLanes(instruments),
    batches: observeBatches(instruments, log),
    redis: observeRedis(instruments, log),
    sweeps: observeSweeps(instruments, log),
    memberships: observeMemberships(endpoint.meter, log),
    payments: observePayments(endpoint.meter, log),
    bills: observeBills(endpoint.meter, log),
    reviews: observeReviews(endpoint.meter),
    reports: observeReports(endpoint.meter, log),
    ledgers: observeLedgers(endpoint.meter, log),
    alerts: observeAlerts(endpoint.meter, log),
    refusals: createRefusalShare(),
    queue: observeQueue(endpoint.meter, log),
    /** Sends what is left and stops observing. */
    async close(): Promise<void> {
      stopStatements();
      stopProcess();
      await tracing?.close();
      await endpoint.close();
    },
  };
}
