/** A labelled synthetic month of the service's health: ordinary lateness and failures, and incidents among them. */
import type { AlertFacts, Backlog } from "../billing/alert/facts.ts";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../billing/clock.ts";
import type { Label } from "./anomaly-use.ts";
import type { Random } from "./random.ts";

const HOURS = 24;
const FEATURES = ["picture", "video"] as const;

/** What each backlog is when all is well and when it isn't, in seconds. */
const BACKLOGS = {
  callbacks: { ruleId: "AL09", subject: "payment-callbacks", usual: 700, incident: [1_000, 9_000] },
  queue: { ruleId: "AL11", subject: "queue", usual: 240, incident: [330, 4_000] },
  stranded: { ruleId: "AL12", subject: "sweeper", usual: 300, incident: [700, 5_000] },
  findings: {
    ruleId: "AL13",
    subject: "bill-findings",
    usual: 150_000,
    incident: [180_000, 500_000],
  },
} as const;

type BacklogName = keyof typeof BACKLOGS;

export interface MonthOfHealth {
  /** By day from 0, and hour. */
  readonly hours: readonly (readonly Omit<AlertFacts, "nowMs">[])[];
  readonly labels: readonly Label[];
}

/** @param firstDay the day's number of the month's first day, for labels @param startMs when it begins */
export function makeHealth(
  random: Random,
  days: number,
  firstDay: number,
  startMs: number,
): MonthOfHealth {
  const labels: Label[] = [];
  const plan = (ruleId: string, subject: string, count: number) => {
    const found = new Map<number, number>();
    for (const day of random.distinct(count, days)) {
      found.set(day, random.int(HOURS));
      labels.push({ ruleId, subject, day: firstDay + day });
    }
    return (day: number, hour: number) => found.get(day) === hour;
  };
  const backlogs = (Object.keys(BACKLOGS) as BacklogName[]).map((name) => {
    const { ruleId, subject, usual, incident } = BACKLOGS[name];
    const isIncident = plan(ruleId, subject, 4);
    return [
      name,
      (day: number, hour: number): Backlog => {
        const [least, most] = isIncident(day, hour) ? incident : [0, usual];
        return {
          count: 1 + random.int(20),
          oldestMs: Math.round(random.between(least, most)) * SECOND_MS,
        };
      },
    ] as const;
  });
  const storms = FEATURES.map((featureId) => ({
    featureId,
    isStorm: plan("AL05", `feature:${featureId}`, 4),
  }));
  const isRefused = plan("AL06", "reserve", 4);
  const expiries = certificates(days, firstDay, startMs, labels);
  const hours = Array.from({ length: days }, (_, day) =>
    Array.from({ length: HOURS }, (_hour, hour) => ({
      ...Object.fromEntries(backlogs.map(([name, at]) => [name, at(day, hour)])),
      quotaRefunds: storms.map(({ featureId, isStorm }) => ({
        featureId,
        ...share(random, isStorm(day, hour) ? [0.32, 0.7] : [0, 0.08], 20, 400),
      })),
      refusals: share(random, isRefused(day, hour) ? [0.45, 0.9] : [0.02, 0.2], 60, 900),
      expiries,
    })),
  );
  return { hours, labels };
}

/** A share about so large, of some cases; a small number of them varies more. */
function share(random: Random, [least, most]: readonly number[], fewest: number, many: number) {
  const isIncident = least! > 0.3;
  const whole = isIncident ? Math.max(fewest, 120 + random.int(many)) : fewest + random.int(many);
  const part = Math.min(whole, random.poisson(whole * random.between(least!, most!)));
  return { part: BigInt(part), whole: BigInt(whole) };
}

/** One certificate is fine for long, one comes within its two weeks in the month's middle. */
function certificates(days: number, firstDay: number, startMs: number, labels: Label[]) {
  const early = Math.floor(days / 2);
  // It's told of once and then stays known: one label, on the day when it comes.
  labels.push({ ruleId: "AL10", subject: "certificate:server", day: firstDay + early });
  return [
    { name: "server", expireTimeMs: startMs + (early + 14) * DAY_MS + HOUR_MS },
    { name: "merchant", expireTimeMs: startMs + 400 * DAY_MS },
  ];
}
