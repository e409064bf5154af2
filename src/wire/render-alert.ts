/** Alerts, budgets, rules and silences as the contract shows them. */
import type { Alert, AlertStep, Silence } from "../billing/alert/alert.ts";
import type { Budget } from "../billing/alert/budget.ts";
import { findRule, type RuleSetting } from "../billing/alert/rules.ts";
import { assert } from "../billing/refusal.ts";
import {
  Alert_State,
  AlertSeverity,
  AlertStep_Move,
  AlertUnit,
  Budget_Scope,
} from "../gen/billing/report/v1/alert.ts";
import type * as wire from "../gen/billing/report/v1/alert.ts";

export function budget(shown: Budget, spentMicroYuan = 0n): wire.Budget {
  return {
    scope: Budget_Scope[shown.scope],
    subject: shown.subject,
    version: shown.version,
    amountMicroYuan: shown.amountMicroYuan,
    thresholdsPerMille: [...shown.thresholdsPerMille],
    spentMicroYuan,
    caller: shown.caller,
    createTime: new Date(shown.createTimeMs),
  };
}

export function alert(shown: Alert, record: readonly AlertStep[] = []): wire.Alert {
  return {
    alertId: shown.alertId,
    ruleId: shown.ruleId,
    subject: shown.subject,
    period: shown.period,
    severity: AlertSeverity[shown.severity],
    state: Alert_State[shown.state],
    unit: AlertUnit[shown.unit],
    observed: shown.observed,
    limit: shown.limit,
    silenced: !shown.told,
    createTime: new Date(shown.createTimeMs),
    seenTime: new Date(shown.seenTimeMs),
    resolveTime: shown.resolveTimeMs === null ? undefined : new Date(shown.resolveTimeMs),
    record: record.map(step),
  };
}

function step({ move, severity, observed, actor, note, createTimeMs }: AlertStep): wire.AlertStep {
  return {
    move: AlertStep_Move[move],
    severity: AlertSeverity[severity],
    observed,
    actor,
    note,
    createTime: new Date(createTimeMs),
  };
}

export function silence(shown: Silence): wire.AlertSilence {
  const { untilTimeMs, createTimeMs, ...rest } = shown;
  return { ...rest, untilTime: new Date(untilTimeMs), createTime: new Date(createTimeMs) };
}

export function rule(setting: RuleSetting): wire.AlertRule {
  const found = findRule(setting.ruleId);
  assert(found !== undefined, `${setting.ruleId} is a rule`);
  const { title, says, remedy, parameters } = found;
  return {
    ruleId: setting.ruleId,
    version: setting.version,
    enabled: setting.enabled,
    severity: AlertSeverity[found.severity],
    unit: AlertUnit[found.unit],
    title: title.en,
    titleZh: title.zh,
    description: says.en,
    descriptionZh: says.zh,
    remedy: remedy.en,
    remedyZh: remedy.zh,
    parameters: Object.entries(parameters).map(([name, { preset, min, max, about }]) => {
      return { name, value: setting.parameters[name] ?? preset, preset, min, max, about };
    }),
    caller: setting.caller,
    createTime: setting.version === 0 ? undefined : new Date(setting.createTimeMs),
  };
}
