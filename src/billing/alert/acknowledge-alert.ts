/** AcknowledgeAlert: somebody has seen it and works on it; it's told of no more unless it gets worse. */
import { Refusal } from "../refusal.ts";
import { stepOf, type Alert, type AlertStep } from "./alert.ts";

export interface Acknowledgement {
  readonly alertId: string;
  readonly note: string;
}

/** @throws Refusal ALERT_NOT_FOUND, ALERT_STATE_INVALID */
export function acknowledge(
  alert: Alert | undefined,
  { alertId, note }: Acknowledgement,
  actor: string,
  nowMs: number,
): { readonly alert: Alert; readonly step: AlertStep } {
  if (alert === undefined) {
    throw new Refusal("ALERT_NOT_FOUND", `there is no alert ${alertId}`, { alertId });
  }
  if (alert.state !== "OPEN") {
    const message = `the alert ${alertId} is ${alert.state}: only an open one can be acknowledged`;
    throw new Refusal("ALERT_STATE_INVALID", message, { alertId, state: alert.state });
  }
  const changed: Alert = { ...alert, state: "ACKNOWLEDGED", steps: alert.steps + 1 };
  const step = stepOf(changed, "ACKNOWLEDGED", { actor, note, createTimeMs: nowMs });
  return { alert: changed, step };
}
