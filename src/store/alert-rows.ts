/** Alerts, budgets, settings and silences as their tables keep them, each way. */
import type { EntityManager } from "@mikro-orm/mysql";
import type { Alert, AlertMove, AlertState, AlertStep, Silence } from "../billing/alert/alert.ts";
import type { Budget, BudgetScope } from "../billing/alert/budget.ts";
import type { AlertSeverity, AlertUnit, RuleId } from "../billing/alert/rule.ts";
import type { RuleSetting } from "../billing/alert/rules.ts";
import {
  ID,
  msOrNull,
  TIME,
  timeOrNull,
  timeText,
  toBigInt,
  toMs,
  WORD,
  type Cell,
  type HotTable,
  type Row,
} from "./cell.ts";
import { insertSql, literal, updateSql } from "./sql.ts";

const FIXED = ["alert_id", "rule_id", "subject", "period", "unit", "create_time"];
const CHANGING = {
  severity: WORD,
  state: WORD,
  observed: "bigint",
  limit_value: "bigint",
  told: "tinyint",
  seen_time: TIME,
  resolve_time: TIME,
  steps: "int",
};

const ALERTS: HotTable = { name: "alerts", columns: [...FIXED, ...Object.keys(CHANGING)] };

const STEPS: HotTable = {
  name: "alert_steps",
  columns: ["alert_id", "sequence", "move", "severity", "observed", "actor", "note", "create_time"],
};

export const BUDGETS: HotTable = {
  name: "budgets",
  columns: [
    "scope",
    "subject",
    "version",
    "amount_micro_yuan",
    "thresholds",
    "caller",
    "create_time",
  ],
};

export const SETTINGS: HotTable = {
  name: "alert_rules",
  columns: ["rule_id", "version", "enabled", "parameters", "caller", "create_time"],
};

export const SILENCES: HotTable = {
  name: "alert_silences",
  columns: ["silence_id", "rule_id", "subject", "until_time", "reason", "caller", "create_time"],
};

function changingCells(alert: Alert): Cell[] {
  return [
    alert.severity,
    alert.state,
    alert.observed,
    alert.limit,
    alert.told,
    timeText(alert.seenTimeMs),
    timeOrNull(alert.resolveTimeMs),
    alert.steps,
  ];
}

function stepCells(step: AlertStep): Cell[] {
  const { alertId, sequence, move, severity, observed, actor, note, createTimeMs } = step;
  return [alertId, sequence, move, severity, observed, actor, note, timeText(createTimeMs)];
}

/** Writes what has changed; each alert's row is locked already, or new. */
export async function writeAlerts(
  em: EntityManager,
  changes: {
    readonly added: readonly Alert[];
    readonly changed: readonly Alert[];
    readonly steps: readonly AlertStep[];
  },
): Promise<void> {
  const { added, changed, steps } = changes;
  const run = (sql: string) => em.execute(sql, [], "run");
  if (added.length > 0) {
    const rows = added.map((alert) => [
      alert.alertId,
      alert.ruleId,
      alert.subject,
      alert.period,
      alert.unit,
      timeText(alert.createTimeMs),
      ...changingCells(alert),
    ]);
    await run(insertSql(ALERTS, rows));
  }
  if (changed.length > 0) {
    const rows = changed.map((alert) => [alert.alertId, ...changingCells(alert)]);
    await run(updateSql(ALERTS, { alert_id: ID }, CHANGING, rows));
  }
  if (steps.length > 0) await run(insertSql(STEPS, steps.map(stepCells)));
}

export function readAlert(row: Row): Alert {
  return {
    alertId: row["alert_id"] as string,
    ruleId: row["rule_id"] as RuleId,
    subject: row["subject"] as string,
    period: row["period"] as string,
    severity: row["severity"] as AlertSeverity,
    state: row["state"] as AlertState,
    unit: row["unit"] as AlertUnit,
    observed: toBigInt(row["observed"]),
    limit: toBigInt(row["limit_value"]),
    told: Boolean(row["told"]),
    createTimeMs: toMs(row["create_time"]),
    seenTimeMs: toMs(row["seen_time"]),
    resolveTimeMs: msOrNull(row["resolve_time"]),
    steps: Number(row["steps"]),
  };
}

export function readStep(row: Row): AlertStep {
  return {
    alertId: row["alert_id"] as string,
    sequence: Number(row["sequence"]),
    move: row["move"] as AlertMove,
    severity: row["severity"] as AlertSeverity,
    observed: toBigInt(row["observed"]),
    actor: row["actor"] as string,
    note: row["note"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}

export function budgetCells(budget: Budget): Cell[] {
  return [
    budget.scope,
    budget.subject,
    budget.version,
    budget.amountMicroYuan,
    JSON.stringify(budget.thresholdsPerMille),
    budget.caller,
    timeText(budget.createTimeMs),
  ];
}

export function readBudget(row: Row): Budget {
  return {
    scope: row["scope"] as BudgetScope,
    subject: row["subject"] as string,
    version: Number(row["version"]),
    amountMicroYuan: toBigInt(row["amount_micro_yuan"]),
    thresholdsPerMille: JSON.parse(row["thresholds"] as string) as number[],
    caller: row["caller"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}

export function settingCells(setting: RuleSetting): Cell[] {
  const texts = Object.entries(setting.parameters).map(([name, value]) => [name, String(value)]);
  return [
    setting.ruleId,
    setting.version,
    setting.enabled,
    JSON.stringify(Object.fromEntries(texts)),
    setting.caller,
    timeText(setting.createTimeMs),
  ];
}

function readSetting(row: Row): RuleSetting {
  const texts = JSON.parse(row["parameters"] as string) as Record<string, string>;
  const parameters = Object.entries(texts).map(([name, text]) => [name, BigInt(text)] as const);
  return {
    ruleId: row["rule_id"] as RuleId,
    version: Number(row["version"]),
    enabled: Boolean(row["enabled"]),
    parameters: Object.fromEntries(parameters),
    caller: row["caller"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}

export function silenceCells(silence: Silence): Cell[] {
  return [
    silence.silenceId,
    silence.ruleId,
    silence.subject,
    timeText(silence.untilTimeMs),
    silence.reason,
    silence.caller,
    timeText(silence.createTimeMs),
  ];
}

function readSilence(row: Row): Silence {
  return {
    silenceId: row["silence_id"] as string,
    ruleId: row["rule_id"] as RuleId,
    subject: row["subject"] as string,
    untilTimeMs: toMs(row["until_time"]),
    reason: row["reason"] as string,
    caller: row["caller"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}

/** A condition that holds for the newest version of each row's key. */
export function newest(table: string, keys: readonly string[]): string {
  const same = keys.map((key) => `later.${key} = ${table}.${key}`).join(" and ");
  return `not exists (select 1 from ${table} later where ${same} and later.version > ${table}.version)`;
}

/** The newest version of each budget. */
export async function budgetsNow(em: EntityManager): Promise<Budget[]> {
  const condition = newest("budgets", ["scope", "subject"]);
  const rows = await em.execute<Row[]>(`select * from budgets where ${condition}`);
  return rows.map(readBudget);
}

/** The settings that hold; rules without one are as shipped. */
export async function settingsNow(em: EntityManager): Promise<ReadonlyMap<string, RuleSetting>> {
  const sql = `select * from alert_rules where ${newest("alert_rules", ["rule_id"])} order by rule_id`;
  const settings = (await em.execute<Row[]>(sql)).map(readSetting);
  return new Map(settings.map((setting) => [setting.ruleId as string, setting]));
}

/** The silences that hold at a moment, the newest first. */
export async function silencesNow(em: EntityManager, nowMs: number): Promise<Silence[]> {
  const rows = await em.execute<Row[]>(
    `select * from alert_silences where until_time > ${literal(timeText(nowMs))} and not exists (
      select 1 from alert_silences later where later.rule_id = alert_silences.rule_id
        and later.subject = alert_silences.subject and later.silence_id > alert_silences.silence_id)
      order by silence_id desc`,
  );
  return rows.map(readSilence);
}
