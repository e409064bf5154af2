import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { metrics, type Meter } from "@opentelemetry/api";

import { observeQueue } from "../../src/queue/metrics.ts";
import { observeBills } from "../../src/telemetry/bill-observer.ts";
import { createInstruments } from "../../src/telemetry/instruments.ts";
import { observeMemberships } from "../../src/telemetry/membership-observer.ts";
import { observePayments } from "../../src/telemetry/payment-observer.ts";
import { observeProcess } from "../../src/telemetry/process-metrics.ts";
import { keepingLog } from "../support/service.ts";

/** The series that an instrument has in Prometheus, by the method that makes it. */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  createCounter: ["_total"],
  createObservableCounter: ["_total"],
  createObservableGauge: [""],
  createGauge: [""],
  createHistogram: ["_bucket", "_sum", "_count"],
};

describe("the alert rules", () => {
  it("ask only for series that the server has", () => {
    const known = knownSeries();
    const text = readFileSync(
      new URL("../../deploy/prometheus-alerts.yaml", import.meta.url),
      "utf8",
    );
    const rules = text.replaceAll(/^\s*#.*$/gm, "");
    const asked = new Set(rules.match(/\b(?:billing|rpc_server|nodejs|process)_[a-z0-9_]+\b/g));
    assert.ok(asked.size >= 10, [...asked].join());
    assert.deepEqual(
      [...asked].filter((series) => !known.has(series)),
      [],
    );
  });
});

function knownSeries(): ReadonlySet<string> {
  const series = new Set<string>();
  const recording = new Proxy(metrics.getMeter("unused"), {
    get(meter, make: keyof Meter) {
      const suffixes = SUFFIXES[make];
      if (suffixes === undefined) return meter[make];
      return (name: string) => {
        for (const suffix of suffixes) series.add(name.replaceAll(".", "_") + suffix);
        return (meter[make] as (name: string) => unknown).call(meter, name);
      };
    },
  });
  createInstruments(recording);
  observeProcess(recording)();
  const { log } = keepingLog();
  for (const observe of [observeBills, observePayments, observeMemberships, observeQueue]) {
    observe(recording, log);
  }
  return series;
}
