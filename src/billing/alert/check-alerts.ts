/** What a look at the rules changes: alerts that are new, worse, over, or came back. */
import { shanghaiDay } from "../calendar.ts";
import { MINUTE_MS } from "../clock.ts";
import {
  CHECKER,
  isSilenced,
  stepOf,
  type Alert,
  type AlertMove,
  type AlertStep,
  type Silence,
} from "./alert.ts";
import type { Seen, Verdict } from "./rules.ts";

/** What isn't seen for so long is over: a value about its limit would otherwise open and end alerts without end. */
export const CALM_MS = 15 * MINUTE_MS;

export interface AlertFile {
  readonly nowMs: number;
  /** Alerts that aren't resolved, and those of the same rule, subject and period as what is seen. */
  readonly alerts: readonly Alert[];
  readonly silences: readonly Silence[];
}

export interface AlertChanges {
  readonly added: readonly Alert[];
  readonly changed: readonly Alert[];
  readonly steps: readonly AlertStep[];
  /** Of which others are told. */
  readonly raised: readonly Alert[];
  readonly resolved: readonly Alert[];
}

interface Draft {
  added: Alert[];
  changed: Alert[];
  steps: AlertStep[];
  raised: Alert[];
  resolved: Alert[];
}

/** @param newId gives an alert its id */
export function decideAlerts(file: AlertFile, verdict: Verdict, newId: () => string): AlertChanges {
  const draft: Draft = { added: [], changed: [], steps: [], raised: [], resolved: [] };
  const found = new Set<string>();
  for (const seen of verdict.seen) {
    const known = knownAlert(file.alerts, seen, file.nowMs);
    if (known === undefined) raise(file, draft, seen, newId());
    else {
      found.add(known.alertId);
      renew(file, draft, known, seen);
    }
  }
  for (const alert of file.alerts) {
    const isOver =
      alert.state !== "RESOLVED" &&
      !found.has(alert.alertId) &&
      verdict.judged.has(alert.ruleId) &&
      alert.seenTimeMs <= file.nowMs - CALM_MS;
    if (isOver) resolve(file, draft, alert);
  }
  return draft;
}

/** The day or month that something belongs to. */
export function periodOf({ period }: Seen, nowMs: number): string {
  return period ?? shanghaiDay(nowMs);
}

/** What lasts is the alert that is still open, however long; anything else is one alert a period. */
function knownAlert(alerts: readonly Alert[], seen: Seen, nowMs: number): Alert | undefined {
  const same = alerts.filter(
    ({ ruleId, subject }) => ruleId === seen.ruleId && subject === seen.subject,
  );
  const period = periodOf(seen, nowMs);
  const lasting = seen.period === null ? same.find(({ state }) => state !== "RESOLVED") : undefined;
  return lasting ?? same.find((alert) => alert.period === period);
}

function raise({ nowMs, silences }: AlertFile, draft: Draft, seen: Seen, alertId: string): void {
  const { ruleId, subject, severity, unit, observed, limit } = seen;
  const told = !isSilenced(silences, seen, nowMs);
  const alert: Alert = {
    alertId,
    ruleId,
    subject,
    period: periodOf(seen, nowMs),
    severity,
    state: "OPEN",
    unit,
    observed,
    limit,
    told,
    createTimeMs: nowMs,
    seenTimeMs: nowMs,
    resolveTimeMs: null,
    steps: 1,
  };
  draft.added.push(alert);
  draft.steps.push(stepOf(alert, "RAISED", byChecker(nowMs)));
  if (told) draft.raised.push(alert);
}

function byChecker(createTimeMs: number) {
  return { actor: CHECKER, note: "", createTimeMs };
}

/** Seen again: worse or come back it is told of again; acknowledged it stays quiet. */
function renew({ nowMs, silences }: AlertFile, draft: Draft, known: Alert, seen: Seen): void {
  const isBack = known.state === "RESOLVED";
  const isWorse = seen.severity === "CRITICAL" && known.severity === "WARNING";
  const isTold = known.told && !isBack && !isWorse;
  const tells = !isTold && !isSilenced(silences, known, nowMs);
  const move: AlertMove | undefined = isBack ? "REOPENED" : isWorse ? "ESCALATED" : undefined;
  const alert: Alert = {
    ...known,
    severity: isBack || isWorse ? seen.severity : known.severity,
    state: isBack || isWorse ? "OPEN" : known.state,
    observed: seen.observed,
    limit: seen.limit,
    told: isTold || tells,
    seenTimeMs: nowMs,
    resolveTimeMs: null,
    steps: known.steps + (move === undefined ? 0 : 1),
  };
  draft.changed.push(alert);
  if (move !== undefined) draft.steps.push(stepOf(alert, move, byChecker(nowMs)));
  // Whoever has acknowledged it under a silence knows of it.
  if (tells && alert.state === "OPEN") draft.raised.push(alert);
}

/** Over: those who were told of it are told of that too. */
function resolve({ nowMs }: AlertFile, draft: Draft, known: Alert): void {
  const alert: Alert = {
    ...known,
    state: "RESOLVED",
    resolveTimeMs: nowMs,
    steps: known.steps + 1,
  };
  draft.changed.push(alert);
  draft.steps.push(stepOf(alert, "RESOLVED", byChecker(nowMs)));
  if (known.told) draft.resolved.push(alert);
}
