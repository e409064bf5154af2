import assert from "node:assert/strict";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { EventId } from "../../src/billing/event.ts";
import { observeQueue } from "../../src/queue/metrics.ts";
import { createLog } from "../../src/telemetry/log.ts";

describe("what the queue tells about itself", () => {
  const lines: Record<string, unknown>[] = [];
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  const observer = observeQueue(
    provider.getMeter("test"),
    createLog({
      level: "debug",
      destination: { write: (line: string) => void lines.push(JSON.parse(line) as never) },
    }),
  );
  beforeEach(() => lines.splice(0));
  after(() => provider.shutdown());

  /** The values of a metric, by the values of its labels. */
  const valuesOf = async (name: string): Promise<Record<string, number>> => {
    const { resourceMetrics } = await exporter.collect();
    const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    const points = all.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
    return Object.fromEntries(
      points.map(({ attributes, value }) => [Object.values(attributes).join(" "), value as number]),
    );
  };
  const failure = (endpoint: string) => ({
    eventId: "evt_1" as EventId,
    type: "order.paid",
    endpoint,
    attempts: 10,
    error: "HTTP 500",
  });

  it("counts what was published, delivered, tried again and given up", async () => {
    observer.published(3);
    observer.delivered("shop", 1, 20);
    observer.retried(failure("shop"), 5_000);
    observer.died(failure("crm"));
    assert.deepEqual(await valuesOf("billing.queue.published"), { "": 3 });
    const expected = { "shop DELIVERED": 1, "shop RETRIED": 1, "crm DEAD": 1 };
    assert.deepEqual(await valuesOf("billing.queue.attempts"), expected);
  });

  it("raises an error for what was given up, one line a second for each endpoint", () => {
    for (let at = 0; at < 100; at++) observer.died(failure("dead-shop"));
    observer.died(failure("dead-crm"));
    const told = lines.map(({ level, endpoint, eventId }) => [level, endpoint, eventId]);
    assert.deepEqual(told, [
      ["error", "dead-shop", "evt_1"],
      ["error", "dead-crm", "evt_1"],
    ]);
  });

  it("shows how the queue stands: dead letters, what waits, and whether Redis takes jobs", async () => {
    observer.looked({ dead: 7, publishLagMs: 1_500, owedTo: ["old"] }, ["old"]);
    observer.looked({ dead: 7, publishLagMs: 1_500, owedTo: ["old"] }, ["old"]);
    assert.deepEqual(await valuesOf("billing.queue.dead"), { "": 7 });
    assert.deepEqual(await valuesOf("billing.queue.publish.lag.seconds"), { "": 1.5 });
    assert.deepEqual(lines.map(({ strangers }) => strangers), [["old"]]);
    for (const isDegraded of [true, false]) {
      observer.degraded(isDegraded, new Error("away"));
      assert.deepEqual(await valuesOf("billing.queue.degraded"), { "": isDegraded ? 1 : 0 });
    }
  });
});
