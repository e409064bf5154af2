/** An alert: something that a rule has seen, once for its subject and period, until it is over. */
import type { AlertSeverity, AlertUnit, RuleId } from "./rule.ts";

export type AlertState = "OPEN" | "ACKNOWLEDGED" | "RESOLVED";

export interface Alert {
  readonly alertId: string;
  readonly ruleId: RuleId;
  readonly subject: string;
  /** The day or month that it belongs to; the day on which it began where it lasts until it is over. */
  readonly period: string;
  readonly severity: AlertSeverity;
  readonly state: AlertState;
  readonly unit: AlertUnit;
  /** As last seen. */
  readonly observed: bigint;
  readonly limit: bigint;
  /** True once others were told of it, in this severity; a silence puts that off. */
  readonly told: boolean;
  readonly createTimeMs: number;
  readonly seenTimeMs: number;
  readonly resolveTimeMs: number | null;
  /** Steps in its record. */
  readonly steps: number;
}

export type AlertMove = "RAISED" | "ESCALATED" | "REOPENED" | "ACKNOWLEDGED" | "RESOLVED";

/** A step in an alert's record: what happened, who did it and why. */
export interface AlertStep {
  readonly alertId: string;
  readonly sequence: number;
  readonly move: AlertMove;
  readonly severity: AlertSeverity;
  readonly observed: bigint;
  /** A caller's name; `checker` for the service itself. */
  readonly actor: string;
  readonly note: string;
  readonly createTimeMs: number;
}

/** Alerts of a rule that nobody is told of until a moment. */
export interface Silence {
  readonly silenceId: string;
  readonly ruleId: RuleId;
  /** Empty: all subjects. */
  readonly subject: string;
  readonly untilTimeMs: number;
  readonly reason: string;
  readonly caller: string;
  readonly createTimeMs: number;
}

/** The service itself, in steps. */
export const CHECKER = "checker";

export function isSilenced(
  silences: readonly Silence[],
  { ruleId, subject }: Pick<Alert, "ruleId" | "subject">,
  nowMs: number,
): boolean {
  return silences.some(
    (silence) =>
      silence.ruleId === ruleId &&
      (silence.subject === "" || silence.subject === subject) &&
      silence.untilTimeMs > nowMs,
  );
}

/** The next step of an alert that is now as `alert` says. */
export function stepOf(
  alert: Alert,
  move: AlertMove,
  by: Pick<AlertStep, "actor" | "note" | "createTimeMs">,
): AlertStep {
  const { alertId, steps: sequence, severity, observed } = alert;
  return { alertId, sequence, move, severity, observed, ...by };
}
