/** What others are told of alerts. */
import { nextEventId, type DomainEvent } from "../event.ts";
import type { EventType } from "../event-types.ts";
import type { IdSource } from "../id.ts";
import type { Alert } from "./alert.ts";
import { findRule } from "./rules.ts";

type AlertEvent = Extract<EventType, `alert.${string}`>;

export function alertEvent(
  type: AlertEvent,
  alert: Alert,
  ids: IdSource,
  nowMs: number,
): DomainEvent {
  const rule = findRule(alert.ruleId);
  return {
    eventId: nextEventId(ids, nowMs, null),
    type,
    userId: null,
    subject: alert.alertId,
    payload: {
      alert_id: alert.alertId,
      rule_id: alert.ruleId,
      title: rule?.title.zh ?? alert.ruleId,
      severity: alert.severity,
      state: alert.state,
      subject: alert.subject,
      period: alert.period,
      // Text: amounts in millionths of a yuan may be beyond a safe integer.
      observed: alert.observed.toString(),
      limit: alert.limit.toString(),
      unit: alert.unit,
      remedy: rule?.remedy.zh ?? "",
    },
    createTimeMs: nowMs,
  };
}
