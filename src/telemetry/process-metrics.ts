/** What the process itself does: memory, CPU, and how late the event loop is. */
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { Meter } from "@opentelemetry/api";

/** Short enough to see a stall of some milliseconds; the timer costs next to nothing. */
const DELAY_RESOLUTION_MS = 10;
const RESOLUTION_SECONDS = DELAY_RESOLUTION_MS / 1_000;
const NS = 1e9;
const US = 1e6;

/** Observes this process from now on. @returns how to stop */
export function observeProcess(meter: Meter): () => void {
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  observeLoop(meter, delay);
  const gauge = (name: string, description: string, read: () => number) => {
    meter
      .createObservableGauge(name, { description })
      .addCallback((result) => result.observe(read()));
  };
  gauge("process.memory.usage.bytes", "Resident memory", () => process.memoryUsage.rss());
  gauge("nodejs.heap.used.bytes", "JavaScript's heap in use", () => process.memoryUsage().heapUsed);
  gauge("process.uptime.seconds", "Since the process began", () => process.uptime());
  meter
    .createObservableCounter("process.cpu.seconds", { description: "CPU time, by mode" })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe(user / US, { mode: "user" });
      result.observe(system / US, { mode: "system" });
    });
  return () => delay.disable();
}

function observeLoop(meter: Meter, delay: ReturnType<typeof monitorEventLoopDelay>): void {
  const describe = (name: string, description: string) =>
    meter.createObservableGauge(`nodejs.eventloop.${name}`, { description });
  const p50 = describe("delay.p50.seconds", "Lateness of timers since the last scrape, median");
  const p99 = describe("delay.p99.seconds", "Lateness of timers since the last scrape, 99 %");
  const max = describe("delay.max.seconds", "Lateness of timers since the last scrape, the worst");
  const busy = describe("utilization.ratio", "Busy share of the time since the last scrape");
  let last = performance.eventLoopUtilization();
  meter.addBatchObservableCallback(
    (result) => {
      // A timer that is on time comes after the resolution. Between two scrapes that follow each
      // other at once none has come.
      const late = (ns: number) => Math.max(0, delay.count > 0 ? ns / NS - RESOLUTION_SECONDS : 0);
      result.observe(p50, late(delay.percentile(50)));
      result.observe(p99, late(delay.percentile(99)));
      result.observe(max, late(delay.max));
      delay.reset();
      const now = performance.eventLoopUtilization();
      result.observe(busy, performance.eventLoopUtilization(now, last).utilization);
      last = now;
    },
    [p50, p99, max, busy],
  );
}
