/** Turns what the looks at the rules of alerts tell into metrics and log lines. */
import type { Meter } from "@opentelemetry/api";
import type { Alert } from "../billing/alert/alert.ts";
import type { AlertObserver } from "../job/alert-checker.ts";
import type { Log } from "./observer.ts";

const MS_PER_SECOND = 1_000;

export function observeAlerts(meter: Meter, log: Log): AlertObserver {
  const looks = meter.createCounter("billing.alert.looks", {
    description:
      "Looks at the rules of alerts that this server has begun, by outcome: OK or FAILED",
  });
  const told = meter.createCounter("billing.alert.changes", {
    description: "Alerts that this server has told of, by rule and move: RAISED or RESOLVED",
  });
  const open = meter.createGauge("billing.alert.open", {
    description: "Alerts that aren't over, by severity, whoever saw them",
  });
  const lookTime = meter.createGauge("billing.alert.look.time.seconds", {
    description: "When this server's latest look was over, in seconds since 1970",
  });
  const duration = meter.createGauge("billing.alert.look.seconds", {
    description: "How long this server's latest look took",
  });
  const say = ({ alertId, ruleId: code, subject, period, severity, ...values }: Alert) => ({
    alertId,
    code,
    subject,
    period,
    severity,
    observed: values.observed.toString(),
    limit: values.limit.toString(),
  });
  return {
    looked(changes, tookMs) {
      looks.add(1, { outcome: "OK" });
      duration.record(tookMs / MS_PER_SECOND);
      lookTime.record(Date.now() / MS_PER_SECOND);
      for (const alert of changes.raised) {
        told.add(1, { rule: alert.ruleId, move: "RAISED" });
        log.warn(say(alert), "an alert was raised");
      }
      for (const alert of changes.resolved) {
        told.add(1, { rule: alert.ruleId, move: "RESOLVED" });
        log.info(say(alert), "an alert is over");
      }
    },
    known(counts) {
      for (const [severity, count] of Object.entries(counts)) open.record(count, { severity });
    },
    failed(fault) {
      looks.add(1, { outcome: "FAILED" });
      log.error({ err: fault }, "the rules of alerts could not be looked at; it's tried again");
    },
  };
}
