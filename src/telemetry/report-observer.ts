/** Turns what the keeper of reports tells into metrics and log lines. */
import type { Meter } from "@opentelemetry/api";
import type { ReportObserver } from "../job/report-keeper.ts";
import type { TodayObserver } from "../job/today-watch.ts";
import type { Log } from "./observer.ts";

const MS_PER_SECOND = 1_000;

export function observeReports(meter: Meter, log: Log): ReportObserver & TodayObserver {
  const made = meter.createCounter("billing.reports.made", {
    description:
      "Reports that this server has made when it was their time, by period and outcome: NEW, UNCHANGED or FAILED",
  });
  const duration = meter.createGauge("billing.report.seconds", {
    description: "How long the latest report of each period took this server",
  });
  const figure = meter.createGauge("billing.today.figure", {
    description:
      "Today's figures so far, by figure, in the units that docs/finance.md names; told by one server at a time",
  });
  const toldTime = meter.createGauge("billing.today.time.seconds", {
    description: "When this server's latest figures of today were added up, in seconds since 1970",
  });
  return {
    today({ document, timeMs }) {
      for (const { figures } of document.sections) {
        for (const { id, value } of figures) {
          if (value !== null) figure.record(Number(value), { figure: id });
        }
      }
      toldTime.record(timeMs / MS_PER_SECOND);
    },
    todayFailed(fault) {
      log.error({ err: fault }, "today's figures could not be added up; it's tried again");
    },
    made({ period, date }, unchanged, tookMs) {
      made.add(1, { period, outcome: unchanged ? "UNCHANGED" : "NEW" });
      duration.record(tookMs / MS_PER_SECOND, { period });
      log.info({ period, date, unchanged, tookMs: Math.round(tookMs) }, "a report was made");
    },
    failed(key, fault) {
      made.add(1, { period: key?.period ?? "NONE", outcome: "FAILED" });
      log.error({ ...key, err: fault }, "reports could not be made; it's tried again");
    },
  };
}
