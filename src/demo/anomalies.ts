/**
 * How well the rules of alerts find what is wrong: a labelled synthetic month goes through them, looked at every
 * hour as the service does it, and what they say is compared with what was planted.
 */
import type { Alert } from "../billing/alert/alert.ts";
import { decideAlerts } from "../billing/alert/check-alerts.ts";
import type { AlertFacts, Use } from "../billing/alert/facts.ts";
import { judgeAll, RULES } from "../billing/alert/rules.ts";
import type { Step } from "../billing/alert/statistics.ts";
import { shanghaiDay } from "../billing/calendar.ts";
import { DAY_MS, HOUR_MS } from "../billing/clock.ts";
import { makeHealth } from "./anomaly-health.ts";
import { makeMoney } from "./anomaly-money.ts";
import {
  HISTORY_DAYS,
  makeUse,
  MONTH_DAYS,
  total,
  VISIT_UNITS,
  type Label,
  type MonthOfUse,
} from "./anomaly-use.ts";
import { seededRandom } from "./random.ts";

/** 2026-10-01 in Asia/Shanghai. */
const START_MS = Date.UTC(2026, 8, 30, 16);
const HOURS = 24;

export interface Score {
  /** The rule; `all` for all together. */
  readonly name: string;
  readonly planted: number;
  readonly found: number;
  readonly falseAlarms: number;
  readonly precision: number;
  readonly recall: number;
}

/** Scores by rule, those of all together last. */
export function scoreRules(seed: number): readonly Score[] {
  const random = seededRandom(seed);
  const use = makeUse(random);
  const health = makeHealth(random, MONTH_DAYS, HISTORY_DAYS, START_MS);
  const money = makeMoney(random, use);
  let alerts: readonly Alert[] = [];
  let number = 0;
  for (let day = 0; day < MONTH_DAYS; day++) {
    for (let hour = 0; hour < HOURS; hour++) {
      const nowMs = START_MS + day * DAY_MS + (hour + 1) * HOUR_MS - 1;
      // What a day comes to is seen at its end.
      const isOver = hour === HOURS - 1;
      const facts: AlertFacts = {
        nowMs,
        ...health.hours[day]![hour]!,
        ...(isOver && usedUntil(use, HISTORY_DAYS + day)),
        ...(isOver && money.knownOn(HISTORY_DAYS + day)),
      };
      const verdict = judgeAll(facts, new Map());
      const newId = () => `alt_${(number += 1)}`;
      const changes = decideAlerts({ nowMs, alerts, silences: [] }, verdict, newId);
      const changed = new Map(changes.changed.map((alert) => [alert.alertId, alert]));
      const kept = alerts.map((alert) => changed.get(alert.alertId) ?? alert);
      alerts = [...kept, ...changes.added];
    }
  }
  return score(alerts, [...use.labels, ...health.labels, ...money.labels]);
}

function score(alerts: readonly Alert[], labels: readonly Label[]): readonly Score[] {
  const key = ({ ruleId, subject, day }: Label) => `${ruleId} ${subject} ${day}`;
  const planted = new Set(labels.map(key));
  const raised = new Set(
    alerts.map(({ ruleId, subject, createTimeMs }) => {
      const day = HISTORY_DAYS + Math.floor((createTimeMs - START_MS) / DAY_MS);
      return key({ ruleId, subject, day });
    }),
  );
  const scoreOf = (name: string, prefix: string): Score => {
    const wanted = [...planted].filter((each) => each.startsWith(prefix));
    const told = [...raised].filter((each) => each.startsWith(prefix));
    const found = wanted.filter((each) => raised.has(each)).length;
    const falseAlarms = told.length - found;
    return {
      name,
      planted: wanted.length,
      found,
      falseAlarms,
      precision: told.length === 0 ? 1 : found / told.length,
      recall: wanted.length === 0 ? 1 : found / wanted.length,
    };
  };
  return [...RULES.map(({ ruleId }) => scoreOf(ruleId, `${ruleId} `)), scoreOf("all", "")];
}

/** What the service would find out at the end of a day. */
function usedUntil(
  { people, features, featureUse, visitors, vendorCosts }: MonthOfUse,
  day: number,
) {
  const users = people
    .filter(({ firstDay }) => firstDay <= day)
    .map(({ userId, firstDay, use }) => ({ userId, ...useOf(use.map(total), firstDay, day) }));
  const counts = Map.groupBy(
    users.filter(({ amount }) => amount > 0n),
    ({ amount }) => amount,
  );
  const peers: Step[] = [...counts].map(([value, alike]) => ({ value, count: alike.length }));
  peers.push({ value: BigInt(VISIT_UNITS), count: visitors[day]! });
  return {
    users,
    peers,
    features: features.map((featureId, at) => ({
      featureId,
      ...useOf(featureUse[at]!, 0, day),
    })),
    vendors: [...vendorCosts].map(([vendor, days]) => ({
      vendor,
      day: shanghaiDay(START_MS + (day - HISTORY_DAYS) * DAY_MS),
      ...useOf(days, 0, day),
    })),
  };
}

function useOf(days: readonly number[], firstDay: number, day: number): Use {
  const from = Math.max(firstDay, day - HISTORY_DAYS);
  return { amount: BigInt(days[day]!), history: days.slice(from, day).map(BigInt) };
}

export function scoreTable(scores: readonly Score[]): string {
  const titles = new Map<string, string>(RULES.map(({ ruleId, title }) => [ruleId, title.en]));
  const lines = scores.map(({ name, planted, found, falseAlarms, precision, recall }) =>
    [
      name.padEnd(5),
      String(planted).padStart(7),
      String(found).padStart(6),
      String(falseAlarms).padStart(6),
      precision.toFixed(3).padStart(10),
      recall.toFixed(3).padStart(7),
      `  ${titles.get(name) ?? "all rules together"}`,
    ].join(""),
  );
  return ["rule planted found false precision recall  what", ...lines].join("\n");
}
