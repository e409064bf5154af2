import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Campaign } from "../../../src/billing/catalog/campaign.ts";
import type { OfferKind, OfferTerms } from "../../../src/billing/catalog/offer.ts";
import type { Pack } from "../../../src/billing/catalog/pack.ts";
import type { Plan, Rollover } from "../../../src/billing/catalog/plan.ts";
import { DAY_MS } from "../../../src/billing/clock.ts";
import type { CampaignId, PackId, PlanId } from "../../../src/billing/id.ts";
import { FEATURE_RULES } from "../../../src/billing/review/feature-rules.ts";
import { OFFER_RULES, reviewOffer } from "../../../src/billing/review/offer-rules.ts";

interface UnderReview {
  readonly kind: OfferKind;
  readonly terms: OfferTerms[OfferKind];
  readonly isOnlyTrial: boolean;
}

/** Offers that nobody has anything to say against, with the given differences. */
const plan = (change: Partial<Plan> = {}, isOnlyTrial = false): UnderReview => {
  const terms: Plan = {
    planId: "membership-monthly" as PlanId,
    version: 1,
    displayName: "会员月卡",
    priceFen: 9_900n,
    periodMonths: 1,
    periodDays: 0,
    quotaAmount: 300n,
    quotaPriority: 50,
    rollover: "NONE",
    trial: false,
    ...change,
  };
  return { kind: "PLAN", terms, isOnlyTrial };
};
const FREE_WEEK = { priceFen: 0n, periodMonths: 0, periodDays: 7, quotaAmount: 20n, trial: true };
const trial = (change: Partial<Plan> = {}): UnderReview => plan({ ...FREE_WEEK, ...change }, true);
const pack = (change: Partial<Pack> = {}): UnderReview => {
  const terms: Pack = {
    packId: "quota-pack-100" as PackId,
    version: 1,
    displayName: "加油包",
    priceFen: 3_900n,
    quotaAmount: 100n,
    quotaPriority: 60,
    validDays: 90,
    ...change,
  };
  return { kind: "PACK", terms, isOnlyTrial: false };
};
const campaign = (change: Partial<Campaign> = {}): UnderReview => {
  const terms: Campaign = {
    campaignId: "spring" as CampaignId,
    version: 1,
    displayName: "开春赠送",
    quotaAmount: 20n,
    quotaPriority: 10,
    validDays: 30,
    startTimeMs: 0,
    endTimeMs: 92 * DAY_MS,
    budgetAmount: 10_000n,
    perUserLimit: 1,
    ...change,
  };
  return { kind: "CAMPAIGN", terms, isOnlyTrial: false };
};

const review = ({ kind, terms, isOnlyTrial }: UnderReview) => reviewOffer(kind, terms, isOnlyTrial);
const said = (under: UnderReview): string[] =>
  review(under).map(({ ruleId, severity }) => `${ruleId} ${severity}`);

interface Examples {
  readonly good: readonly UnderReview[];
  readonly bad: readonly UnderReview[];
}

/** For each rule: what it lets pass by the skin of its teeth, and what it objects to. */
const EXAMPLES: Readonly<Record<string, Examples>> = {
  BG120: {
    good: [plan({ priceFen: 1n }), pack({ priceFen: 1n }), trial()],
    bad: [plan({ priceFen: 0n }), pack({ priceFen: 0n })],
  },
  BG121: {
    good: [plan({ priceFen: 3_000n }), pack({ priceFen: 1_000n }), trial()],
    bad: [plan({ priceFen: 2_999n }), pack({ priceFen: 999n }), plan({ priceFen: 1n })],
  },
  BG122: {
    good: [plan({ periodMonths: 0, periodDays: 1 }), trial()],
    bad: [plan({ periodMonths: 0 }), plan({ periodDays: 1 })],
  },
  BG123: {
    good: [campaign({ budgetAmount: 20n })],
    bad: [campaign({ budgetAmount: 19n })],
  },
  BG124: {
    good: [campaign()],
    bad: [campaign({ endTimeMs: 92 * DAY_MS + 1 })],
  },
  BG125: {
    good: [campaign({ quotaAmount: 299n }), campaign({ perUserLimit: 14 })],
    bad: [campaign({ quotaAmount: 300n }), campaign({ perUserLimit: 15 })],
  },
  BG126: {
    good: [plan({ rollover: "ONE_PERIOD" }), pack({ validDays: 1 })],
    bad: [plan({ rollover: "UNTIL_USED" }), pack({ validDays: 0 })],
  },
  BG127: {
    good: [trial(), plan()],
    bad: [plan({}, true)],
  },
  BG128: {
    good: [trial({ periodDays: 1 })],
    bad: [trial({ priceFen: 9_900n }), trial({ periodMonths: 1, periodDays: 0 })],
  },
};

describe("each rule for plans, packs and campaigns", () => {
  for (const { id, severity } of OFFER_RULES) {
    const { good, bad } = EXAMPLES[id] ?? { good: [], bad: [] };

    it(`${id} says ${severity} to what breaks it, with its field and a remedy`, () => {
      assert.ok(bad.length > 0);
      for (const under of bad) {
        const found = review(under).find(({ ruleId }) => ruleId === id);
        assert.equal(found?.severity, severity, said(under).join());
        assert.match(found.message, /\w/);
        assert.match(found.remediation, /\.$/);
      }
    });

    it(`${id} says nothing to what just keeps it`, () => {
      assert.ok(good.length > 0);
      for (const under of good) {
        assert.ok(!review(under).some(({ ruleId }) => ruleId === id), said(under).join());
      }
    });
  }

  it("has an id of its own, which no rule for features has, in rising order", () => {
    const ids = OFFER_RULES.map(({ id }) => id);
    assert.deepEqual(ids, [...new Set(ids)].sort());
    for (const { id } of FEATURE_RULES) assert.ok(!ids.includes(id), id);
  });

  it("has nothing to say to what is sound", () => {
    for (const under of [plan(), trial(), pack(), campaign()]) assert.deepEqual(said(under), []);
  });

  const amount = fc.bigInt({ min: 0n, max: 2_000n });
  const anyPlan = fc.record({
    priceFen: amount,
    periodMonths: fc.nat(2),
    periodDays: fc.nat(2),
    quotaAmount: fc.bigInt({ min: 1n, max: 500n }),
    rollover: fc.constantFrom<Rollover>("NONE", "ONE_PERIOD", "UNTIL_USED"),
    trial: fc.boolean(),
  });

  it("lets no plan pass that is free and not the trial, has no length, or takes the trial away", () => {
    fc.assert(
      fc.property(anyPlan, fc.boolean(), (change, isOnlyTrial) => {
        const fails = review(plan(change, isOnlyTrial)).some(({ severity }) => severity === "FAIL");
        const { priceFen, periodMonths, periodDays } = change;
        const hasLength = periodMonths > 0 !== periodDays > 0;
        const isSound = change.trial
          ? priceFen === 0n && periodDays > 0 && periodMonths === 0
          : priceFen > 0n && hasLength && !isOnlyTrial;
        assert.equal(fails, !isSound);
      }),
    );
  });

  it("says of a dearer plan nothing that it doesn't say of the cheaper one", () => {
    fc.assert(
      fc.property(anyPlan, amount, (change, more) => {
        const paid = { ...change, trial: false };
        // At no price at all, the price of a unit is no question yet.
        fc.pre(paid.priceFen > 0n);
        const cheap = said(plan(paid));
        const dear = said(plan({ ...paid, priceFen: paid.priceFen + more }));
        assert.ok(dear.every((one) => cheap.includes(one)));
      }),
    );
  });
});
