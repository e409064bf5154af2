import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { FeatureTerms, RateLimitPolicy } from "../../../src/billing/catalog/feature.ts";
import type { FeatureId } from "../../../src/billing/id.ts";
import {
  FEATURE_RULES,
  reviewFeature,
  type FeatureUnderReview,
} from "../../../src/billing/review/feature-rules.ts";
import { verdictOf } from "../../../src/billing/review/finding.ts";

const limits = (
  maxPerHour: number,
  maxPerDay: number,
  cooldownSeconds: number,
  maxInFlight = 0,
): RateLimitPolicy => ({ maxPerHour, maxPerDay, cooldownSeconds, maxInFlight });

/** A feature that nobody has anything to say against, with the given differences. */
function feature(change: Partial<FeatureTerms> = {}, zeroCostApproved = false): FeatureUnderReview {
  const terms: FeatureTerms = {
    featureId: "image_background_removal" as FeatureId,
    displayName: "图片去背景",
    quotaCost: 1n,
    highCost: false,
    category: "image",
    accessScope: "MEMBER",
    rateLimitPolicy: limits(600, 5_000, 0),
    launchPlan: "",
    ...change,
  };
  return { terms, zeroCostApproved };
}

const video = (change: Partial<FeatureTerms> = {}): FeatureUnderReview =>
  feature({
    featureId: "ai_video_generation" as FeatureId,
    quotaCost: 5n,
    highCost: true,
    category: "video",
    rateLimitPolicy: limits(3, 10, 600),
    ...change,
  });

const costly = (change: Partial<FeatureTerms> = {}): FeatureUnderReview =>
  feature({ quotaCost: 2n, highCost: true, rateLimitPolicy: limits(30, 100, 10), ...change });

const said = (under: FeatureUnderReview): string[] =>
  reviewFeature(under).map(({ ruleId, severity }) => `${ruleId} ${severity}`);

interface Examples {
  readonly good: readonly FeatureUnderReview[];
  /** Each with the severity that it gets. */
  readonly bad: readonly (readonly [FeatureUnderReview, string])[];
}

/** For each rule: what it lets pass, and what it objects to and how. */
const EXAMPLES: Record<string, Examples> = {
  BG101: {
    good: [feature()],
    bad: [
      [feature({ quotaCost: 0n }), "FAIL"],
      [feature({ quotaCost: 0n }, true), "WARN"],
    ],
  },
  BG102: {
    good: [feature({ quotaCost: 0n, rateLimitPolicy: limits(0, 10, 0) }, true)],
    bad: [
      [feature({ quotaCost: 0n, rateLimitPolicy: null }, true), "FAIL"],
      [feature({ quotaCost: 0n, rateLimitPolicy: limits(0, 0, 600, 1) }, true), "FAIL"],
    ],
  },
  BG103: {
    good: [video(), costly()],
    bad: [
      [costly({ rateLimitPolicy: null }), "FAIL"],
      [costly({ rateLimitPolicy: limits(0, 0, 0, 1) }), "FAIL"],
      [video({ highCost: false, rateLimitPolicy: null }), "FAIL"],
    ],
  },
  BG104: {
    good: [video(), costly(), feature()],
    bad: [
      [video({ quotaCost: 4n }), "WARN"],
      [costly({ quotaCost: 1n }), "WARN"],
      [costly({ quotaCost: 1n, rateLimitPolicy: null }), "FAIL"],
    ],
  },
  BG105: {
    good: [video(), costly(), feature()],
    bad: [
      [feature({ rateLimitPolicy: null }), "WARN"],
      [costly({ rateLimitPolicy: limits(31, 100, 10) }), "WARN"],
      [costly({ rateLimitPolicy: limits(30, 101, 10) }), "WARN"],
      [costly({ rateLimitPolicy: limits(30, 0, 10) }), "WARN"],
      [video({ rateLimitPolicy: limits(11, 50, 60) }), "WARN"],
    ],
  },
  BG106: {
    good: [video({ rateLimitPolicy: limits(3, 10, 60) }), costly()],
    bad: [
      [video({ rateLimitPolicy: limits(3, 10, 59) }), "WARN"],
      [costly({ rateLimitPolicy: limits(30, 100, 0) }), "WARN"],
    ],
  },
  BG107: {
    good: [feature({ accessScope: "WHITELIST", launchPlan: "三月一日向全部会员开放" })],
    bad: [[feature({ accessScope: "WHITELIST", launchPlan: "  " }), "WARN"]],
  },
  BG108: { good: [video()], bad: [[video({ highCost: false }), "WARN"]] },
  BG109: {
    good: [feature({ rateLimitPolicy: limits(10, 10, 0) })],
    bad: [[feature({ rateLimitPolicy: limits(11, 10, 0) }), "WARN"]],
  },
};

describe("the review of a feature", () => {
  it("has an example of good and of bad for every rule", () => {
    assert.deepEqual(
      Object.keys(EXAMPLES),
      FEATURE_RULES.map(({ id }) => id),
    );
  });

  for (const [id, { good, bad }] of Object.entries(EXAMPLES)) {
    const { title } = FEATURE_RULES.find((rule) => rule.id === id)!;
    it(`${id}: ${title}`, () => {
      for (const under of good) {
        assert.ok(!said(under).some((word) => word.startsWith(id)), JSON.stringify(said(under)));
      }
      for (const [under, severity] of bad) {
        assert.ok(said(under).includes(`${id} ${severity}`), JSON.stringify(said(under)));
      }
    });
  }

  it("fails the specification's bad example for its cost and for its missing limit", () => {
    const under = video({ quotaCost: 1n, rateLimitPolicy: null });
    assert.deepEqual(said(under), ["BG103 FAIL", "BG104 FAIL"]);
    assert.equal(verdictOf(reviewFeature(under)), "FAIL");
  });

  it("passes the specification's good example without a word", () => {
    assert.deepEqual(reviewFeature(video()), []);
    assert.equal(verdictOf([]), "PASS");
  });

  it("warns of a low cost that limits make bearable, and lets it pass", () => {
    const findings = reviewFeature(video({ quotaCost: 1n }));
    assert.equal(verdictOf(findings), "PASS_WITH_WARNING");
  });

  it("names the field and the way out in every finding", () => {
    for (const { bad } of Object.values(EXAMPLES)) {
      for (const [under] of bad) {
        for (const finding of reviewFeature(under)) {
          assert.match(finding.field, /^(quota_cost|high_cost|launch_plan|rate_limit_policy.*)$/);
          assert.ok(finding.message.length > 10 && finding.remediation.length > 10);
        }
      }
    }
  });

  const terms = fc.record({
    quotaCost: fc.bigInt({ min: 0n, max: 1_000_000n }),
    highCost: fc.boolean(),
    category: fc.constantFrom("image", "video", "text"),
    accessScope: fc.constantFrom("MEMBER" as const, "WHITELIST" as const, "INTERNAL" as const),
    rateLimitPolicy: fc.option(
      fc
        .tuple(fc.nat(10_000), fc.nat(10_000), fc.nat(86_400), fc.nat(1_000))
        .map((numbers) => limits(...numbers)),
    ),
    launchPlan: fc.string({ maxLength: 20 }),
  });

  it("never passes what is free without approval, nor what is free without end", () => {
    fc.assert(
      fc.property(terms, fc.boolean(), (change, approved) => {
        const free = { ...change, quotaCost: 0n };
        assert.equal(verdictOf(reviewFeature(feature(free))), "FAIL");
        const policy = change.rateLimitPolicy;
        if (policy !== null && policy.maxPerHour + policy.maxPerDay > 0) return;
        assert.equal(verdictOf(reviewFeature(feature(free, approved))), "FAIL");
      }),
    );
  });

  it("never gets stricter when a feature costs more", () => {
    const failures = (under: FeatureUnderReview) =>
      reviewFeature(under).filter(({ severity }) => severity === "FAIL").length;
    fc.assert(
      fc.property(terms, fc.bigInt({ min: 0n, max: 100n }), (change, more) => {
        const dearer = { ...change, quotaCost: change.quotaCost + more };
        assert.ok(failures(feature(dearer)) <= failures(feature(change)));
        assert.ok(reviewFeature(feature(dearer)).length <= reviewFeature(feature(change)).length);
      }),
    );
  });
});
