/**
 * A labelled synthetic month of use: members with habits of their own, quiet days, weekends and newcomers, and
 * among them what somebody should hear of. Labels are set where something is planted, not where a rule looks.
 */
import type { Random } from "./random.ts";

export const HISTORY_DAYS = 28;
export const MONTH_DAYS = 30;
const ALL_DAYS = HISTORY_DAYS + MONTH_DAYS;
const USERS = 1_000;
/** Units that a visitor uses who only comes to see. */
export const VISIT_UNITS = 5;
const FEATURES = ["picture", "cutout", "try-on", "video"] as const;
const VENDORS = ["tencent-cloud", "runninghub"] as const;
/** Millionths of a yuan that a unit costs, by feature. */
const UNIT_COST = [15_000, 20_000, 40_000, 60_000] as const;

/** A day from 0, the first of HISTORY_DAYS; the month begins after them. */
export interface Label {
  readonly ruleId: string;
  readonly subject: string;
  readonly day: number;
}

export interface Person {
  readonly userId: string;
  readonly firstDay: number;
  /** Units by day and feature. */
  readonly use: readonly number[][];
}

export interface MonthOfUse {
  readonly people: readonly Person[];
  /** Millionths of a yuan by vendor, for each day. */
  readonly vendorCosts: ReadonlyMap<string, readonly number[]>;
  readonly features: readonly string[];
  /** Units by feature, for each day. */
  readonly featureUse: readonly (readonly number[])[];
  /** Visitors by day, who use VISIT_UNITS each. */
  readonly visitors: readonly number[];
  readonly labels: readonly Label[];
}

export function makeUse(random: Random): MonthOfUse {
  const labels: Label[] = [];
  const people = Array.from({ length: USERS }, (_, at) => makePerson(random, at));
  plantSpikes(random, people, labels);
  plantFloods(random, people, labels);
  const featureUse = FEATURES.map((_, feature) =>
    Array.from({ length: ALL_DAYS }, (_day, day) =>
      total(people.map(({ use }) => use[day]![feature]!)),
    ),
  );
  const vendorCosts = costs(random, featureUse, labels);
  const visitors = plantFeatureRuns(random, featureUse, labels);
  return { people, vendorCosts, features: FEATURES, featureUse, visitors, labels };
}

function makePerson(random: Random, at: number): Person {
  // Some one in forty is a workshop: big every day, and not strange for that.
  const isBig = at % 40 === 7;
  const habit = isBig ? random.between(350, 500) : 4 * Math.exp(random.normal() * 0.7 + 0.8);
  const activity = isBig ? 1 : random.between(0.35, 1);
  // A fifth of all come during the month.
  const firstDay = at % 5 === 0 && !isBig ? HISTORY_DAYS + random.int(MONTH_DAYS) : random.int(12);
  const tastes = FEATURES.map(() => random.between(0.1, 1));
  const sum = total(tastes);
  const use = Array.from({ length: ALL_DAYS }, (_, day) => {
    const isQuiet = day < firstDay || (day > firstDay && random.next() > activity);
    const mood = isQuiet ? 0 : Math.exp(random.normal() * (isBig ? 0.12 : 0.35));
    const weekend = day % 7 >= 5 ? 0.7 : 1;
    return tastes.map((taste) => random.poisson((habit * mood * weekend * taste) / sum));
  });
  return { userId: `user-${at}`, firstDay, use };
}

export function total(amounts: readonly number[]): number {
  return amounts.reduce((sum, amount) => sum + amount, 0);
}

/** Many visitors come to see one feature, on the house of a vendor's trial: no single user is strange. */
function plantFeatureRuns(
  random: Random,
  featureUse: readonly number[][],
  labels: Label[],
): readonly number[] {
  const visitors = Array.from({ length: ALL_DAYS }, () => 0);
  for (const day of random.distinct(6, MONTH_DAYS).map((at) => at + HISTORY_DAYS)) {
    const feature = random.int(FEATURES.length);
    const more = Math.round((featureUse[feature]![day]! * random.between(1.6, 4)) / VISIT_UNITS);
    featureUse[feature]![day]! += more * VISIT_UNITS;
    visitors[day]! += more;
    labels.push({ ruleId: "AL04", subject: `feature:${FEATURES[feature]!}`, day });
  }
  return visitors;
}

/** A member does a multiple of their own days, and no more than others do. */
function plantSpikes(random: Random, people: readonly Person[], labels: Label[]): void {
  const members = people.filter(({ firstDay, use }) => {
    const mean = total(use.slice(firstDay).map(total)) / (ALL_DAYS - firstDay);
    return firstDay < HISTORY_DAYS && mean >= 6 && mean < 15;
  });
  for (const at of random.distinct(Math.min(25, members.length), members.length)) {
    const { userId, use } = members[at]!;
    const day = HISTORY_DAYS + random.int(MONTH_DAYS);
    use[day]![random.int(FEATURES.length)]! += Math.round(random.between(90, 130));
    labels.push({ ruleId: "AL02", subject: `user:${userId}`, day });
  }
}

/** A newcomer is a machine: many times what nearly all others do, from the first days on. */
function plantFloods(random: Random, people: readonly Person[], labels: Label[]): void {
  const newcomers = people.filter(
    ({ firstDay }) => firstDay >= HISTORY_DAYS && firstDay < ALL_DAYS - 1,
  );
  for (const at of random.distinct(Math.min(15, newcomers.length), newcomers.length)) {
    const { userId, firstDay, use } = newcomers[at]!;
    use[firstDay]![random.int(FEATURES.length)]! += Math.round(random.between(600, 1_500));
    labels.push({ ruleId: "AL03", subject: `user:${userId}`, day: firstDay });
  }
}

/** What the use costs; on some days a vendor charges a multiple, by a wrong unit or a loop of retries. */
function costs(random: Random, featureUse: readonly (readonly number[])[], labels: Label[]) {
  const vendorCosts = new Map<string, readonly number[]>();
  for (const [at, vendor] of VENDORS.entries()) {
    const wrong = new Set(random.distinct(5, MONTH_DAYS).map((day) => day + HISTORY_DAYS));
    const days = Array.from({ length: ALL_DAYS }, (_, day) => {
      const parts = featureUse.map((units, feature) =>
        feature % VENDORS.length === at ? units[day]! * UNIT_COST[feature]! : 0,
      );
      const cost = total(parts);
      const drift = Math.exp(random.normal() * 0.08);
      return Math.round(cost * drift * (wrong.has(day) ? random.between(4, 8) : 1));
    });
    for (const day of wrong) labels.push({ ruleId: "AL07", subject: `vendor:${vendor}`, day });
    vendorCosts.set(vendor, days);
  }
  return vendorCosts;
}
