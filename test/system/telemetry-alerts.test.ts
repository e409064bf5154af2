import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { metrics, type Meter } from "@opentelemetry/api";

import { ensurePromtool } from "../../src/local/promtool.ts";
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
import { freshDirectory } from "../support/servers.ts";
import { keepingLog } from "../support/service.ts";

const run = promisify(execFile);
const DEPLOY = new URL("../../deploy/", import.meta.url);

/** The series that an instrument has in Prometheus, by the method that makes it. */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  createCounter: ["_total"],
  createObservableCounter: ["_total"],
  createObservableGauge: [""],
  createGauge: [""],
  createHistogram: ["_bucket", "_sum", "_count"],
};

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

const DASHBOARDS = readdirSync(new URL("grafana/", DEPLOY)).map((file) => ({
  file,
  ...(JSON.parse(readText(`grafana/${file}`)) as {
    readonly uid: string;
    readonly panels: readonly Panel[];
  }),
}));

describe("the alert rules", () => {
  it("ask only for series that the server has", () => {
    const asked = seriesIn(readText("prometheus-alerts.yaml").replaceAll(/^\s*#.*$/gm, ""));
    assert.ok(asked.length >= 10, asked.join());
    assert.deepEqual(strangersAmong(asked), []);
  });

  it("are understood by Prometheus itself, and so is every question of the dashboards", async function check() {
    // It is downloaded where there is none.
    this.timeout(600_000);
    const promtool = await ensurePromtool();
    const rules = fileURLToPath(new URL("prometheus-alerts.yaml", DEPLOY));
    assert.match((await run(promtool, ["check", "rules", rules])).stdout, /SUCCESS: \d+ rules found/);
    const questions = DASHBOARDS.flatMap(({ panels }) =>
      panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    );
    // Grafana puts these in; JSON is YAML.
    const filled = questions.map((expr) =>
      expr
        .replaceAll("$__rate_interval", "5m")
        .replaceAll("$__range", "6h")
        .replaceAll(/\$(?:job|instance)/g, ".*"),
    );
    const asRules = filled.map((expr, at) => ({ record: `panel:${at}`, expr }));
    const file = join(await freshDirectory(), "dashboards.yaml");
    await writeFile(file, JSON.stringify({ groups: [{ name: "dashboards", rules: asRules }] }));
    const { stdout } = await run(promtool, ["check", "rules", file]);
    assert.match(stdout, new RegExp(`SUCCESS: ${questions.length} rules found`));
  });
});

for (const dashboard of DASHBOARDS) {
  const { file } = dashboard;
  describe(`the dashboard ${file}`, () => {
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
  return readFileSync(new URL(path, DEPLOY), "utf8");
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
