/** ReportService's part about budgets and alerts: each handler parses, calls one use case, and renders its answer. */
import type { AlertBooks, AlertReader } from "../billing/alert/books.ts";
import { presetOf, RULES } from "../billing/alert/rules.ts";
import type * as wire from "../gen/billing/report/v1/report_service.ts";
import type { Handle } from "./call.ts";
import * as parse from "./parse-alert.ts";
import * as render from "./render-alert.ts";

export interface AlertParts {
  readonly alerts: AlertBooks;
  readonly alertReader: AlertReader;
}

export function alertHandlers(parts: AlertParts) {
  return { ...changes(parts), ...reads(parts) };
}

function changes({ alerts }: AlertParts) {
  const setBudget: Handle<wire.SetBudgetRequest, wire.SetBudgetResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseSetBudget(request, caller);
    const { answer, replayed } = await alerts.setBudget(command, signal);
    return { budget: render.budget(answer), replayed };
  };
  const setAlertRule: Handle<wire.SetAlertRuleRequest, wire.SetAlertRuleResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseSetAlertRule(request, caller);
    const { answer, replayed } = await alerts.setRule(command, signal);
    return { rule: render.rule(answer), replayed };
  };
  const acknowledgeAlert: Handle<
    wire.AcknowledgeAlertRequest,
    wire.AcknowledgeAlertResponse
  > = async (request, { caller, signal }) => {
    const command = parse.parseAcknowledge(request, caller);
    const { answer, replayed } = await alerts.acknowledge(command, signal);
    return { alert: render.alert(answer), replayed };
  };
  const silenceAlerts: Handle<wire.SilenceAlertsRequest, wire.SilenceAlertsResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseSilence(request, caller);
    const { answer, replayed } = await alerts.silence(command, signal);
    return { silence: render.silence(answer), replayed };
  };
  return { setBudget, setAlertRule, acknowledgeAlert, silenceAlerts };
}

function reads({ alertReader }: AlertParts) {
  const listBudgets: Handle<wire.ListBudgetsRequest, wire.ListBudgetsResponse> = async (
    request,
  ) => {
    const { filter, paging } = parse.parseListBudgets(request);
    const { month, budgets } = await alertReader.listBudgets(filter, paging.page);
    const { rows, nextPageToken } = paging.split(budgets, (row) => row);
    const shown = rows.map((row) => render.budget(row, row.spentMicroYuan));
    return { budgets: shown, month, nextPageToken };
  };
  const listAlertRules: Handle<
    wire.ListAlertRulesRequest,
    wire.ListAlertRulesResponse
  > = async () => {
    const { settings, silences } = await alertReader.listSettings();
    const rules = RULES.map((rule) => settings.get(rule.ruleId) ?? presetOf(rule))
      .toSorted((left, right) => (left.ruleId < right.ruleId ? -1 : 1))
      .map(render.rule);
    return { rules, silences: silences.map(render.silence) };
  };
  const listAlerts: Handle<wire.ListAlertsRequest, wire.ListAlertsResponse> = async (request) => {
    const { filter, paging } = parse.parseListAlerts(request);
    const found = await alertReader.listAlerts(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { alerts: rows.map((row) => render.alert(row, row.record)), nextPageToken };
  };
  return { listBudgets, listAlertRules, listAlerts };
}
