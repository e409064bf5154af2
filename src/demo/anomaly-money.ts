/** A labelled synthetic month of money: refunds of payments, users who cost more than they bring in, a budget. */
import type { AlertFacts } from "../billing/alert/facts.ts";
import { HISTORY_DAYS, MONTH_DAYS, type Label, type MonthOfUse } from "./anomaly-use.ts";
import type { Random } from "./random.ts";

/** ¥99 a month. */
const PLAN_FEN = 9_900;
const MICRO_YUAN = 1_000_000;
const MEMBERS = 60;
const LOSERS = 6;
const THRESHOLDS = [500, 800, 1_000] as const;
/** The month's last day goes beyond the budget by this share of what is spent. */
const BUDGET_SHARE = 0.9;

export interface MonthOfMoney {
  knownOn(day: number): Pick<AlertFacts, "budgets" | "moneyRefunds" | "earnings">;
  readonly labels: readonly Label[];
}

export function makeMoney(random: Random, { vendorCosts }: MonthOfUse): MonthOfMoney {
  const labels: Label[] = [];
  const refunds = makeRefunds(random, labels);
  const earnings = makeEarnings(random, labels);
  const spent = spentByDay([...vendorCosts.values()]);
  const amount = Math.round(spent.at(-1)! * BUDGET_SHARE);
  labelBudget(spent, amount, labels);
  return {
    labels,
    knownOn: (day) => ({
      moneyRefunds: refunds[day - HISTORY_DAYS]!,
      earnings: earnings[day - HISTORY_DAYS]!,
      budgets: [
        {
          scope: "ALL",
          subject: "",
          amountMicroYuan: BigInt(amount),
          thresholdsPerMille: THRESHOLDS,
          version: 1,
          caller: "finance",
          createTimeMs: 0,
          spentMicroYuan: BigInt(spent[day - HISTORY_DAYS]!),
        },
      ],
    }),
  };
}

function makeRefunds(random: Random, labels: Label[]) {
  const storms = new Set(random.distinct(4, MONTH_DAYS));
  return Array.from({ length: MONTH_DAYS }, (_, day) => {
    const whole = 40 + random.int(160);
    const share = storms.has(day) ? random.between(0.3, 0.6) : random.between(0, 0.07);
    if (storms.has(day))
      labels.push({ ruleId: "AL05", subject: "orders", day: HISTORY_DAYS + day });
    const part = Math.min(whole, random.poisson(whole * share));
    return { part: BigInt(part), whole: BigInt(whole) };
  });
}

/** Members earn by the day; a few run what costs more than they pay, from one day on. */
function makeEarnings(random: Random, labels: Label[]) {
  const members = Array.from({ length: MEMBERS }, (_, at) => ({
    userId: `payer-${at}`,
    // Millionths of a yuan a day; a ¥99 month earns 3.3 million a day.
    usual: random.between(0.1, 2.4) * MICRO_YUAN,
    // Nobody's loss grows over days to be near the rule's floor.
    burst: at < LOSERS ? random.between(150, 500) * MICRO_YUAN : 0,
    burstDay: random.int(MONTH_DAYS),
    cost: 0,
  }));
  for (const { userId, burst, burstDay } of members) {
    const label = { ruleId: "AL08", subject: `user:${userId}`, day: HISTORY_DAYS + burstDay };
    if (burst > 0) labels.push(label);
  }
  return Array.from({ length: MONTH_DAYS }, (_, day) =>
    members.map((member) => {
      const { userId, usual, burst, burstDay } = member;
      member.cost += usual * random.between(0.3, 1.7) + (day === burstDay ? burst : 0);
      return {
        userId,
        revenueFen: BigInt(Math.floor((PLAN_FEN * (day + 1)) / MONTH_DAYS)),
        costMicroYuan: BigInt(Math.round(member.cost)),
      };
    }),
  );
}

function spentByDay(vendors: readonly (readonly number[])[]): readonly number[] {
  let spent = 0;
  return Array.from({ length: MONTH_DAYS }, (_, day) => {
    for (const days of vendors) spent += days[HISTORY_DAYS + day]!;
    return spent;
  });
}

/** A budget is told of on the day on which it comes to a threshold; of several on one day, of the highest. */
function labelBudget(spent: readonly number[], amount: number, labels: Label[]): void {
  let before = 0;
  for (const [day, now] of spent.entries()) {
    const came = THRESHOLDS.some(
      (each) => before * 1_000 < amount * each && now * 1_000 >= amount * each,
    );
    if (came) labels.push({ ruleId: "AL01", subject: "all", day: HISTORY_DAYS + day });
    before = now;
  }
}
