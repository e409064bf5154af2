/** Requests about budgets and alerts as commands and queries of the domain. */
import type { Acknowledgement } from "../billing/alert/acknowledge-alert.ts";
import type { AlertFilter, BudgetKey, RuleTerms, SilenceTerms } from "../billing/alert/books.ts";
import {
  THRESHOLD_MAX,
  THRESHOLDS_DEFAULT,
  THRESHOLDS_MAX,
  type BudgetScope,
  type BudgetTerms,
} from "../billing/alert/budget.ts";
import { findRule, RULES } from "../billing/alert/rules.ts";
import { DAY_MS, MINUTE_MS } from "../billing/clock.ts";
import type { Caller } from "../billing/id.ts";
import { AMOUNT_MAX } from "../billing/money.ts";
import type { Command } from "../billing/quota/desk.ts";
import type * as wire from "../gen/billing/report/v1/report_service.ts";
import { ALERT_SEVERITIES, ALERT_STATES, BUDGET_SCOPES } from "./enums.ts";
import { FieldCheck, ifGiven } from "./field.ts";
import type { ListRequest } from "./list-quota.ts";
import { readPage, type ListKey, type PageRequest } from "./page-token.ts";
import { readMonth } from "./parse-cost.ts";
import type { TextRule } from "./text-rule.ts";

/** As report_service.proto states them. */
const SUBJECT: TextRule = { min: 0, max: 160 };
const NOTE: TextRule = { min: 0, max: 1_000 };
const REASON: TextRule = { min: 1, max: 1_000 };
/** 0 ends silences; anything else lasts a minute at least. */
const SILENCE_MS = { min: 0, max: 90 * DAY_MS };

const LAST_RULE = RULES.map(({ ruleId }) => ruleId)
  .sort()
  .at(-1)!;
const RULE_RULE = `must be a rule, AL01 to ${LAST_RULE}`;

export function parseSetBudget(
  request: wire.SetBudgetRequest,
  caller: Caller,
): Command<BudgetTerms> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const scope = check.oneOf("scope", BUDGET_SCOPES, request.scope);
  const input = {
    scope,
    subject: readBudgetSubject(check, scope, request.subject),
    amountMicroYuan: check.amount("amount_micro_yuan", request.amountMicroYuan, 0n, AMOUNT_MAX),
    thresholdsPerMille: readThresholds(check, request.thresholdsPerMille),
  };
  check.done();
  return { idempotencyKey, input, caller, validateOnly: request.validateOnly };
}

/** @param scope what was read of it, which is nothing where it is bad itself */
function readBudgetSubject(
  check: FieldCheck,
  scope: BudgetScope | null,
  subject: string,
): string {
  if (scope === null) return subject;
  if (scope !== "ALL") return check.sourceId("subject", subject);
  if (subject !== "") check.refuse("subject", "must be empty for all costs");
  return subject;
}

function readThresholds(check: FieldCheck, given: readonly number[]): readonly number[] {
  const field = "thresholds_per_mille";
  if (given.length === 0) return THRESHOLDS_DEFAULT;
  if (given.length > THRESHOLDS_MAX) check.refuse(field, `must be at most ${THRESHOLDS_MAX}`);
  if (given.some((each) => each < 1 || each > THRESHOLD_MAX)) {
    check.refuse(field, `must each be from 1 to ${THRESHOLD_MAX}`);
  }
  const isAscending = given.every((each, at) => at === 0 || each > given[at - 1]!);
  if (!isAscending) check.refuse(field, "must be ascending, none twice");
  return given;
}

const BUDGETS: ListKey<BudgetKey> = {
  list: "ListBudgets",
  write: ({ scope, subject }) => [scope, subject],
  read: ([scope, subject]) => {
    const known = Object.values(BUDGET_SCOPES).find((each) => each === scope);
    return known === undefined || subject === undefined ? undefined : { scope: known, subject };
  },
};

export function parseListBudgets(
  request: wire.ListBudgetsRequest,
): ListRequest<{ readonly month: string | null }, BudgetKey> {
  const check = new FieldCheck();
  const filter = { month: ifGiven(request.month, (month) => readMonth(check, "month", month)) };
  const paging = readPage(check, request, BUDGETS, filter);
  check.done();
  return { filter, paging };
}

function readRuleId(check: FieldCheck, value: string): RuleTerms["ruleId"] {
  const found = findRule(value);
  if (found === undefined) {
    check.refuse("rule_id", value === "" ? `is required: ${RULE_RULE}` : RULE_RULE);
  }
  return found?.ruleId ?? "AL0";
}

export function parseSetAlertRule(
  request: wire.SetAlertRuleRequest,
  caller: Caller,
): Command<RuleTerms> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const ruleId = readRuleId(check, request.ruleId);
  const known = new Map(Object.entries(findRule(ruleId)?.parameters ?? {}));
  const parameters: [string, bigint][] = [];
  for (const [name, value] of request.parameters) {
    const bounds = known.get(name);
    if (bounds === undefined) {
      check.refuse("parameters", `must be parameters of the rule: ${[...known.keys()].join(", ")}`);
      // One sentence says it for all of them.
      break;
    }
    const { min, max } = bounds;
    parameters.push([name, check.amount(`parameters.${name}`, value, min, max)]);
  }
  check.done();
  const input = {
    ruleId,
    enabled: !request.disabled,
    parameters: Object.fromEntries(parameters),
  };
  return { idempotencyKey, input, caller, validateOnly: request.validateOnly };
}

const ALERTS: ListKey<{ readonly alertId: string }> = {
  list: "ListAlerts",
  write: ({ alertId }) => [alertId],
  read: ([alertId]) => (alertId === undefined ? undefined : { alertId }),
};

export function parseListAlerts(request: wire.ListAlertsRequest): {
  readonly filter: AlertFilter;
  readonly paging: PageRequest<{ readonly alertId: string }>;
} {
  const check = new FieldCheck();
  const filter = {
    state: check.optionalOneOf("state", ALERT_STATES, request.state),
    ruleId: ifGiven(request.ruleId, (ruleId) => readRuleId(check, ruleId)),
    subject: ifGiven(request.subject, (subject) => check.text("subject", subject, SUBJECT)),
    severity: check.optionalOneOf("severity", ALERT_SEVERITIES, request.severity),
  };
  const paging = readPage(check, request, ALERTS, filter);
  check.done();
  return { filter, paging };
}

export function parseAcknowledge(
  request: wire.AcknowledgeAlertRequest,
  caller: Caller,
): Command<Acknowledgement> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    alertId: check.sourceId("alert_id", request.alertId),
    note: check.text("note", request.note, NOTE),
  };
  check.done();
  return { idempotencyKey, input, caller, validateOnly: request.validateOnly };
}

export function parseSilence(
  request: wire.SilenceAlertsRequest,
  caller: Caller,
): Command<SilenceTerms> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  if (request.duration === undefined) check.refuse("duration", "is required");
  const forMs = check.durationMs("duration", request.duration, SILENCE_MS, 0);
  if (forMs > 0 && forMs < MINUTE_MS) check.refuse("duration", "must be 0, or 60 seconds at least");
  const input = {
    ruleId: readRuleId(check, request.ruleId),
    subject: check.text("subject", request.subject, SUBJECT),
    forMs,
    reason: check.text("reason", request.reason, REASON),
  };
  check.done();
  return { idempotencyKey, input, caller, validateOnly: request.validateOnly };
}
