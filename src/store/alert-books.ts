/** What people change about alerts, written down. One transaction a call. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { acknowledge, type Acknowledgement } from "../billing/alert/acknowledge-alert.ts";
import type { Alert, Silence } from "../billing/alert/alert.ts";
import type { AlertBooks, RuleTerms, SilenceTerms } from "../billing/alert/books.ts";
import type { Budget, BudgetTerms } from "../billing/alert/budget.ts";
import { findRule, presetOf, type RuleSetting } from "../billing/alert/rules.ts";
import { assert } from "../billing/refusal.ts";
import {
  BUDGETS,
  budgetCells,
  readAlert,
  SETTINGS,
  settingCells,
  SILENCES,
  silenceCells,
  writeAlerts,
} from "./alert-rows.ts";
import type { Row } from "./cell.ts";
import {
  changeOnce,
  jsonAnswers,
  type Change,
  type ChangeContext,
  type KeyedMethod,
  type Occasion,
} from "./operation-rows.ts";
import { insertSql, literal } from "./sql.ts";

const BUDGET: KeyedMethod<BudgetTerms, Budget> = {
  method: "SetBudget",
  content: (terms) => ({
    scope: terms.scope,
    subject: terms.subject,
    amount_micro_yuan: terms.amountMicroYuan.toString(),
    thresholds_per_mille: JSON.stringify(terms.thresholdsPerMille),
  }),
  answers: jsonAnswers(),
};

const RULE: KeyedMethod<RuleTerms, RuleSetting> = {
  method: "SetAlertRule",
  content: ({ ruleId, enabled, parameters }) => ({
    rule_id: ruleId,
    disabled: String(!enabled),
    parameters: JSON.stringify(
      Object.entries(parameters)
        .map(([name, value]) => [name, String(value)])
        .sort(([left = ""], [right = ""]) => (left < right ? -1 : 1)),
    ),
  }),
  answers: jsonAnswers(),
};

const ACKNOWLEDGE: KeyedMethod<Acknowledgement, Alert> = {
  method: "AcknowledgeAlert",
  content: ({ alertId, note }) => ({ alert_id: alertId, note }),
  answers: jsonAnswers(),
};

const SILENCE: KeyedMethod<SilenceTerms, Silence> = {
  method: "SilenceAlerts",
  content: ({ ruleId, subject, forMs, reason }) => ({
    rule_id: ruleId,
    subject,
    duration: String(forMs),
    reason,
  }),
  answers: jsonAnswers(),
};

export function createAlertBooks(orm: MikroORM, context: ChangeContext): AlertBooks {
  return {
    setBudget: (command, signal) =>
      changeOnce(orm, context, BUDGET, command, newBudget(command.input), signal),
    setRule: (command, signal) =>
      changeOnce(orm, context, RULE, command, newSetting(command.input), signal),
    acknowledge: (command, signal) =>
      changeOnce(orm, context, ACKNOWLEDGE, command, acknowledged(command.input), signal),
    silence: (command, signal) =>
      changeOnce(orm, context, SILENCE, command, newSilence(command.input), signal),
  };
}

type Decide<Answer> = (em: EntityManager, occasion: Occasion) => Promise<Change<Answer>>;

function inserting<Answer>(em: EntityManager, answer: Answer, sql: string): Change<Answer> {
  return { answer, write: async () => void (await em.execute(sql, [], "run")) };
}

/** The number after the newest version's; two who take the same fail at the key and one comes again. */
async function nextVersion(em: EntityManager, table: string, condition: string): Promise<number> {
  const [row] = await em.execute<Row[]>(
    `select version from ${table} where ${condition} order by version desc limit 1`,
  );
  return Number(row?.["version"] ?? 0) + 1;
}

function newBudget(terms: BudgetTerms): Decide<Budget> {
  return async (em, { nowMs, caller }) => {
    const condition = `scope = ${literal(terms.scope)} and subject = ${literal(terms.subject)}`;
    const version = await nextVersion(em, "budgets", condition);
    const budget = { ...terms, version, caller: caller.name, createTimeMs: nowMs };
    return inserting(em, budget, insertSql(BUDGETS, [budgetCells(budget)]));
  };
}

function newSetting({ ruleId, enabled, parameters }: RuleTerms): Decide<RuleSetting> {
  return async (em, { nowMs, caller }) => {
    const rule = findRule(ruleId);
    assert(rule !== undefined, `${ruleId} is a rule`);
    const setting: RuleSetting = {
      ruleId,
      version: await nextVersion(em, "alert_rules", `rule_id = ${literal(ruleId)}`),
      enabled,
      parameters: { ...presetOf(rule).parameters, ...parameters },
      caller: caller.name,
      createTimeMs: nowMs,
    };
    return inserting(em, setting, insertSql(SETTINGS, [settingCells(setting)]));
  };
}

function acknowledged(input: Acknowledgement): Decide<Alert> {
  return async (em, { nowMs, caller }) => {
    const sql = `select * from alerts where alert_id = ${literal(input.alertId)} for update`;
    const [row] = await em.execute<Row[]>(sql);
    const { alert, step } = acknowledge(row && readAlert(row), input, caller.name, nowMs);
    const write = () => writeAlerts(em, { added: [], changed: [alert], steps: [step] });
    return { answer: alert, write };
  };
}

function newSilence({ forMs, ...terms }: SilenceTerms): Decide<Silence> {
  return async (em, { nowMs, caller, newId }) => {
    const silence: Silence = {
      silenceId: newId("sil"),
      ...terms,
      untilTimeMs: nowMs + forMs,
      caller: caller.name,
      createTimeMs: nowMs,
    };
    return inserting(em, silence, insertSql(SILENCES, [silenceCells(silence)]));
  };
}
