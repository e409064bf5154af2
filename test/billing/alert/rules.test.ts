import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import {
  budgetName,
  reachedThreshold,
  spentOf,
  type BudgetTerms,
  type SpentBudget,
} from "../../../src/billing/alert/budget.ts";
import { earnedFen } from "../../../src/billing/alert/earned.ts";
import type { AlertFacts } from "../../../src/billing/alert/facts.ts";
import { judgeAll, presetOf, RULES } from "../../../src/billing/alert/rules.ts";
import { DAY_MS, HOUR_MS } from "../../../src/billing/clock.ts";
import { ROOT } from "../../support/documents.ts";

/** 2026-11-24 in Shanghai, 2026-11-23 in UTC. */
const NOW_MS = Date.UTC(2026, 10, 23, 17);

const see = (facts: Omit<AlertFacts, "nowMs">, ruleId: string, change: object = {}) => {
  const rule = RULES.find((each) => each.ruleId === ruleId)!;
  const preset = presetOf(rule);
  const parameters = { ...preset.parameters, ...change };
  const { seen } = judgeAll(
    { nowMs: NOW_MS, ...facts },
    new Map([[ruleId, { ...preset, parameters }]]),
  );
  return seen.filter((each) => each.ruleId === ruleId);
};
const days = (amount: bigint, count = 28) => Array<bigint>(count).fill(amount);
const budget = (change: Partial<SpentBudget> = {}): SpentBudget => ({
  scope: "ALL",
  subject: "",
  amountMicroYuan: 1_000n,
  thresholdsPerMille: [500, 800, 1_000],
  version: 1,
  caller: "finance",
  createTimeMs: 0,
  spentMicroYuan: 0n,
  ...change,
});

describe("the rules of alerts", () => {
  it("have ids in a row, words in both languages, and a place in docs/alerts.md", () => {
    const page = readFileSync(join(ROOT, "docs/alerts.md"), "utf8");
    const ids = RULES.map(({ ruleId }) => ruleId as string).sort();
    assert.deepEqual(
      ids,
      ids.map((_, at) => `AL${String(at + 1).padStart(2, "0")}`),
    );
    for (const { ruleId, title, says, remedy, parameters } of RULES) {
      for (const { en, zh } of [title, says, remedy]) {
        assert.match(en, /^[A-Z][ -~]+$/);
        assert.match(zh, /[\u4e00-\u9fff]/);
      }
      assert.ok(page.includes(`## ${ruleId}: ${title.en}`), ruleId);
      for (const [name, { preset, min, max }] of Object.entries(parameters)) {
        assert.ok(min <= preset && preset <= max, `${ruleId} ${name}`);
        const section = page.split(`## ${ruleId}`)[1]!.split("\n## ")[0]!;
        assert.ok(section.includes(`\`${name}\` ${preset}`), `${ruleId} ${name} ${preset}`);
      }
    }
  });

  it("see nothing in calm facts, and don't judge without facts", () => {
    const none = judgeAll({ nowMs: NOW_MS }, new Map());
    assert.deepEqual([none.seen, none.judged.size], [[], 0]);
    const backlog = { count: 0, oldestMs: 0 };
    const calm = judgeAll(
      {
        nowMs: NOW_MS,
        budgets: [budget()],
        users: [{ userId: "alice", amount: 10n, history: days(9n) }],
        peers: [{ value: 10n, count: 50 }],
        features: [{ featureId: "video", amount: 600n, history: days(500n) }],
        vendors: [{ vendor: "v", day: "2026-11-23", amount: 600n, history: days(500n) }],
        quotaRefunds: [{ featureId: "video", part: 1n, whole: 2n }],
        moneyRefunds: { part: 1n, whole: 30n },
        refusals: { part: 10n, whole: 200n },
        earnings: [{ userId: "alice", revenueFen: 9_900n, costMicroYuan: 99_000_000n }],
        callbacks: backlog,
        expiries: [{ name: "server", expireTimeMs: NOW_MS + 15 * DAY_MS }],
        queue: backlog,
        stranded: backlog,
        findings: backlog,
      },
      new Map(),
    );
    assert.deepEqual([calm.seen, calm.judged.size], [[], RULES.length]);
  });

  it("AL01 tells the highest threshold that was reached, to the last millionth, by month", () => {
    const at = (spentMicroYuan: bigint) => see({ budgets: [budget({ spentMicroYuan })] }, "AL01");
    assert.deepEqual(at(499n), []);
    const [half] = at(500n);
    assert.deepEqual([half!.period, half!.severity, half!.limit], ["2026-11@500", "WARNING", 500n]);
    assert.equal(at(999n)[0]!.period, "2026-11@800");
    const [all] = at(5_000n);
    assert.deepEqual(
      [all!.period, all!.severity, all!.observed],
      ["2026-11@1000", "CRITICAL", 5_000n],
    );
    assert.deepEqual(
      see({ budgets: [budget({ amountMicroYuan: 0n, spentMicroYuan: 1n })] }, "AL01"),
      [],
    );
  });

  it("AL01 reaches a threshold exactly when that share is spent", () => {
    const threshold = fc.integer({ min: 1, max: 10_000 });
    fc.assert(
      fc.property(
        fc.bigInt(1n, 10n ** 12n),
        fc.bigInt(0n, 10n ** 13n),
        fc.uniqueArray(threshold, { minLength: 1, maxLength: 5 }),
        (amountMicroYuan, spent, some) => {
          const thresholdsPerMille = some.sort((left, right) => left - right);
          const terms: BudgetTerms = {
            scope: "ALL",
            subject: "",
            amountMicroYuan,
            thresholdsPerMille,
          };
          const reached = thresholdsPerMille.filter(
            (each) => spent * 1_000n >= amountMicroYuan * BigInt(each) && spent > 0n,
          );
          assert.equal(reachedThreshold(terms, spent), reached.at(-1));
        },
      ),
    );
  });

  it("a budget counts all costs, or only those of its vendor or its feature", () => {
    const sums = [
      { vendor: "a", featureId: "x", amountMicroYuan: 1n },
      { vendor: "a", featureId: null, amountMicroYuan: 10n },
      { vendor: "b", featureId: "x", amountMicroYuan: 100n },
    ];
    const of = (scope: BudgetTerms["scope"], subject: string) => {
      const terms = { scope, subject, amountMicroYuan: 0n, thresholdsPerMille: [] };
      return [budgetName(terms), spentOf(terms, sums)];
    };
    assert.deepEqual(of("ALL", ""), ["all", 111n]);
    assert.deepEqual(of("VENDOR", "a"), ["vendor:a", 11n]);
    assert.deepEqual(of("FEATURE", "x"), ["feature:x", 101n]);
  });

  it("AL02 compares a user with their own active days, and small users never fire", () => {
    const use = (amount: bigint, history: bigint[]) =>
      see({ users: [{ userId: "alice", amount, history }] }, "AL02").length;
    assert.equal(use(251n, days(100n)), 1);
    assert.equal(use(250n, days(100n)), 0);
    assert.equal(use(80n, days(1n)), 0);
    assert.equal(use(81n, days(1n)), 1);
    // Every fourth day only: the days between don't make an ordinary day strange.
    const rare = days(100n).map((amount, at) => (at % 4 === 0 ? amount : 0n));
    assert.equal(use(200n, rare), 0);
    assert.equal(use(10_000n, days(100n, 6)), 0);
    assert.equal(
      see({ users: [{ userId: "a", amount: 251n, history: days(100n) }] }, "AL02", { floor: 300n })
        .length,
      0,
    );
  });

  it("AL03 finds newcomers far beyond all others, and leaves big customers alone", () => {
    const peers = [
      { value: 25n, count: 100 },
      { value: 900n, count: 3 },
    ];
    const use = (amount: bigint, history: bigint[], among = peers) =>
      see({ peers: among, users: [{ userId: "a", amount, history }] }, "AL03").length;
    assert.equal(use(201n, []), 1);
    assert.equal(use(200n, []), 0);
    assert.equal(use(900n, days(800n)), 0);
    assert.equal(use(900n, days(20n)), 1);
    assert.equal(use(900n, [], [{ value: 5n, count: 19 }]), 0);
  });

  it("AL04 and AL07 compare a feature's use and a vendor's costs with the days before", () => {
    const feature = (amount: bigint) =>
      see({ features: [{ featureId: "video", amount, history: days(1_000n) }] }, "AL04");
    assert.deepEqual([feature(1_800n).length, feature(1_801n).length], [0, 1]);
    const vendor = (amount: bigint) =>
      see(
        { vendors: [{ vendor: "v", day: "2026-11-23", amount, history: days(100_000_000n) }] },
        "AL07",
      );
    assert.deepEqual([vendor(180_000_000n).length, vendor(180_000_001n).length], [0, 1]);
    assert.deepEqual(vendor(200_000_000n)[0], {
      ruleId: "AL07",
      subject: "vendor:v",
      period: "2026-11-23",
      severity: "CRITICAL",
      unit: "MICRO_YUAN",
      observed: 200_000_000n,
      limit: 180_000_000n,
    });
  });

  it("AL05 and AL06 tell shares only of enough cases", () => {
    const storm = (part: bigint, whole: bigint) =>
      see({ quotaRefunds: [{ featureId: "video", part, whole }] }, "AL05").length;
    assert.deepEqual([storm(29n, 29n), storm(6n, 30n), storm(7n, 30n)], [0, 0, 1]);
    const orders = (part: bigint, whole: bigint) =>
      see({ moneyRefunds: { part, whole } }, "AL05").map(({ subject, period }) => [
        subject,
        period,
      ]);
    assert.deepEqual(orders(3n, 20n), []);
    assert.deepEqual(orders(4n, 20n), [["orders", "2026-11-24"]]);
    const refused = (part: bigint, whole: bigint) =>
      see({ refusals: { part, whole } }, "AL06").length;
    assert.deepEqual([refused(99n, 99n), refused(30n, 100n), refused(31n, 100n)], [0, 0, 1]);
  });

  it("AL08 weighs costs against what was earned until now", () => {
    const cost = (costMicroYuan: bigint) =>
      see({ earnings: [{ userId: "a", revenueFen: 100n, costMicroYuan }] }, "AL08").length;
    assert.deepEqual([cost(21_000_000n), cost(21_000_001n)], [0, 1]);
    const order = { netFen: 3_000n, payTimeMs: 0, startTimeMs: 0, endTimeMs: 30 * DAY_MS };
    assert.equal(earnedFen(order, 0, 3 * DAY_MS), 300n);
    assert.equal(earnedFen(order, 10 * DAY_MS, 90 * DAY_MS), 2_000n);
    assert.equal(earnedFen(order, 30 * DAY_MS, 90 * DAY_MS), 0n);
    const pack = { ...order, startTimeMs: null, endTimeMs: null, payTimeMs: 5 };
    assert.deepEqual(
      [earnedFen(pack, 0, 6), earnedFen(pack, 6, 9), earnedFen(pack, 0, 5)],
      [3_000n, 0n, 0n],
    );
  });

  it("AL09 and AL11 to AL13 tell of what has waited too long, and AL10 of what runs out", () => {
    const limits = { AL09: 900, AL11: 300, AL12: 600, AL13: 172_800 };
    const names = { AL09: "callbacks", AL11: "queue", AL12: "stranded", AL13: "findings" } as const;
    for (const [ruleId, limit] of Object.entries(limits)) {
      const name = names[ruleId as keyof typeof names];
      const wait = (seconds: number) =>
        see({ [name]: { count: 1, oldestMs: seconds * 1_000 } }, ruleId).length;
      assert.deepEqual([wait(limit), wait(limit + 1)], [0, 1], ruleId);
      assert.deepEqual(see({ [name]: { count: 0, oldestMs: 10 ** 12 } }, ruleId), []);
    }
    const expiry = (leftMs: number) =>
      see({ expiries: [{ name: "server", expireTimeMs: NOW_MS + leftMs }] }, "AL10").map(
        ({ severity, observed }) => [severity, observed],
      );
    assert.deepEqual(expiry(14 * DAY_MS + 1), []);
    assert.deepEqual(expiry(14 * DAY_MS), [["WARNING", 1_209_600n]]);
    assert.deepEqual(expiry(HOUR_MS), [["CRITICAL", 3_600n]]);
    assert.deepEqual(expiry(-HOUR_MS), [["CRITICAL", 0n]]);
  });

  it("a rule that is switched off sees nothing, and has judged", () => {
    const rule = RULES.find(({ ruleId }) => ruleId === "AL12")!;
    const off = new Map([["AL12", { ...presetOf(rule), enabled: false }]]);
    const { seen, judged } = judgeAll(
      { nowMs: NOW_MS, stranded: { count: 1, oldestMs: 10 ** 9 } },
      off,
    );
    assert.deepEqual([seen, [...judged]], [[], ["AL12"]]);
  });
});
