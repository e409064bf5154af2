import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

import { metrics, type Meter } from "@opentelemetry/api";

import { observeQueue } from "../../src/queue/metrics.ts";
import { observeAlerts } from "../../src/telemetry/alert-observer.ts";
import { observeBills } from "../../src/telemetry/bill-observer.ts";
import { createInstruments } from "../../src/telemetry/instruments.ts";
import { observeLedgers } from "../../src/telemetry/ledger-observer.ts";
import { observeMemberships } from "../../src/telemetry/membership-observer.ts";
import { observePayments } from "../../src/telemetry/payment-observer.ts";
import { observeReports } from "../../src/telemetry/report-observer.ts";
import { observeReviews } from "../../src/telemetry/review-observer.ts";
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
    const asked = seriesIn(readText("prometheus-alerts.yaml").replaceAll(/^\s*#.*$/gm, ""));
    assert.ok(asked.length >= 10, asked.join());
    assert.deepEqual(strangersAmong(asked), []);
  });
});

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
}

const GRID_COLUMNS = 24;

for (const file of readdirSync(new URL("../../deploy/grafana/", import.meta.url))) {
  describe(`the dashboard ${file}`, () => {
    const dashboard = JSON.parse(readText(`grafana/${file}`)) as { uid: string; panels: Panel[] };
    const panels = dashboard.panels.filter(({ type }) => type !== "row");

    it("asks only for series that the server has", () => {
      const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
      assert.ok(expressions.length >= panels.length);
      assert.deepEqual(strangersAmong(expressions.flatMap(seriesIn)), []);
    });

    it("has one id and one place for each panel, and says what each shows", () => {
      assert.equal(`${dashboard.uid}.json`, file);
      assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
      const taken = new Map<string, string>();
      for (const { title, gridPos } of dashboard.panels) {
        assert.ok(gridPos.x + gridPos.w <= GRID_COLUMNS, title);
        for (const cell of cellsOf(gridPos)) {
          assert.equal(taken.get(cell), undefined, `${title} lies on ${taken.get(cell)}`);
          taken.set(cell, title);
        }
      }
      assert.deepEqual(
        panels.filter(({ title, description = "" }) => title === "" || description.length < 20),
        [],
      );
    });
  });
}

function cellsOf({ x, y, w, h }: Panel["gridPos"]): string[] {
  return Array.from({ length: w * h }, (_, n) => `${x + (n % w)}:${y + Math.floor(n / w)}`);
}

function readText(path: string): string {
  return readFileSync(new URL(`../../deploy/${path}`, import.meta.url), "utf8");
}

function seriesIn(text: string): string[] {
  return [...new Set(text.match(/\b(?:billing|rpc_server|nodejs|process)_[a-z0-9_]+\b/g))];
}

function strangersAmong(asked: readonly string[]): string[] {
  const known = knownSeries();
  return asked.filter((series) => !known.has(series));
}

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
  observeReviews(recording);
  for (const observe of [
    observeBills,
    observeLedgers,
    observeReports,
    observeAlerts,
    observePayments,
    observeMemberships,
    observeQueue,
  ]) {
    observe(recording, log);
  }
  return series;
}
