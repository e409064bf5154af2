/** Alerts: budgets, how rules are set, what they have seen, what was done about it, silences. */
import { defineEntity, p } from "@mikro-orm/core";
import { appendOnly } from "./tables.ts";

const ID_LENGTH = 63;
const WORD_LENGTH = 24;
/** A kind and an id of 63 characters. */
const SUBJECT_LENGTH = 160;
const NOTE_LENGTH = 1_000;

const id = () => p.string().length(ID_LENGTH);
const word = () => p.string().length(WORD_LENGTH);
const subject = () => p.string().length(SUBJECT_LENGTH);
const note = () => p.string().length(NOTE_LENGTH);
const amount = () => p.bigint("bigint");
const time = () => p.datetime(3);

/** Versions; the newest holds. */
export const BudgetTable = defineEntity({
  name: "Budget",
  tableName: "budgets",
  properties: {
    /** ALL, VENDOR or FEATURE. */
    scope: word().primary(),
    subject: id().primary(),
    version: p.integer().unsigned().primary(),
    amountMicroYuan: amount(),
    /** JSON: thousandths, ascending. */
    thresholds: p.string().length(255),
    caller: id(),
    createTime: time(),
  },
  checks: [{ name: "budgets_not_negative", expression: "amount_micro_yuan >= 0" }],
  triggers: appendOnly("budgets"),
});

/** Versions; the newest holds. */
export const AlertRuleTable = defineEntity({
  name: "AlertRule",
  tableName: "alert_rules",
  properties: {
    ruleId: word().primary(),
    version: p.integer().unsigned().primary(),
    enabled: p.boolean(),
    /** JSON: all of them, each as text. */
    parameters: p.text(),
    caller: id(),
    createTime: time(),
  },
  triggers: appendOnly("alert_rules"),
});

export const AlertTable = defineEntity({
  name: "Alert",
  tableName: "alerts",
  properties: {
    alertId: id().primary(),
    ruleId: word(),
    subject: subject(),
    period: word(),
    severity: word(),
    state: word(),
    unit: word(),
    observed: amount(),
    limitValue: amount(),
    told: p.boolean(),
    createTime: time(),
    seenTime: time(),
    resolveTime: time().nullable(),
    steps: p.integer(),
  },
  uniques: [{ name: "alerts_once", properties: ["ruleId", "subject", "period"] }],
  indexes: [{ name: "alerts_state", properties: ["state", "alertId"] }],
});

export const AlertStepTable = defineEntity({
  name: "AlertStep",
  tableName: "alert_steps",
  properties: {
    alertId: id().primary(),
    sequence: p.integer().unsigned().primary(),
    move: word(),
    severity: word(),
    observed: amount(),
    actor: id(),
    note: note(),
    createTime: time(),
  },
  triggers: appendOnly("alert_steps"),
});

/** Of a rule and a subject the newest holds; one that ends at once ends those before. */
export const AlertSilenceTable = defineEntity({
  name: "AlertSilence",
  tableName: "alert_silences",
  properties: {
    silenceId: id().primary(),
    ruleId: word(),
    subject: subject(),
    untilTime: time(),
    reason: note(),
    caller: id(),
    createTime: time(),
  },
  indexes: [{ name: "alert_silences_until", properties: ["untilTime"] }],
  triggers: appendOnly("alert_silences"),
});

export const ALERT_TABLES = [
  BudgetTable,
  AlertRuleTable,
  AlertTable,
  AlertStepTable,
  AlertSilenceTable,
];
