/**
 * The reviewer's rules for the terms of a feature. What costs much to run has to cost quota and
 * must be limited, and nothing is free without end: the business model rests on that.
 */
import type { FeatureTerms, RateLimitPolicy } from "../catalog/feature.ts";
import type { QuotaUnits } from "../money.ts";
import type { Finding, Severity } from "./finding.ts";

/** A feature under review. */
export interface FeatureUnderReview {
  readonly terms: FeatureTerms;
  /** True when a second person has approved that this version costs nothing. */
  readonly zeroCostApproved: boolean;
}

/** One rule. */
export interface FeatureRule {
  readonly id: string;
  /** What it demands, as a sentence about a feature. */
  readonly title: string;
  /** The field that it is about, as in the proto. */
  readonly field: string;
  readonly remediation: string;
  /** What is wrong with the feature; undefined when nothing is. */
  check(feature: FeatureUnderReview): Complaint | undefined;
}

interface Complaint {
  readonly severity: Severity;
  readonly message: string;
}

/** The category whose tasks cost most to run. */
const VIDEO = "video";
/** A minute of generated video costs more than a dozen pictures. */
const VIDEO_COST_MIN: QuotaUnits = 5n;
/** One unit has to pay for the cheapest use; what costs much has to take more than that. */
const HIGH_COST_MIN: QuotaUnits = 2n;

/** From which limits on a limit no longer protects: more than a person at work comes to use. */
interface Bounds {
  readonly perHour: number;
  readonly perDay: number;
  /** Seconds. A shorter pause only slows a script down that fires one task after the other. */
  readonly cooldown: number;
}
/** A picture every two minutes, hour by hour, for three hours and more. */
const HIGH_COST_BOUNDS: Bounds = { perHour: 30, perDay: 100, cooldown: 10 };
/** One video runs for minutes: nobody can look at more than these. */
const VIDEO_BOUNDS: Bounds = { perHour: 10, perDay: 50, cooldown: 60 };

/** BG101: the only rule that a second person can lift. */
export const ZERO_COST_RULE_ID = "BG101";

export const FEATURE_RULES: readonly FeatureRule[] = [
  {
    id: ZERO_COST_RULE_ID,
    title: "A free feature needs the approval of a second person.",
    field: "quota_cost",
    remediation: "Set quota_cost to 1 or more, or request a ZERO_COST_FEATURE approval.",
    check({ terms, zeroCostApproved }) {
      if (terms.quotaCost > 0n) return undefined;
      return zeroCostApproved
        ? warn("the feature is free; a second person has approved it, and it invites abuse")
        : fail("the feature is free, and no second person has approved it");
    },
  },
  {
    id: "BG102",
    title: "Nothing is free without end: a free feature has a maximum.",
    field: "rate_limit_policy",
    remediation: "Set max_per_hour or max_per_day; no approval lifts this.",
    check({ terms }) {
      if (terms.quotaCost > 0n || hasMaximum(terms.rateLimitPolicy)) return undefined;
      return fail("the feature is free and has no maximum: it could be used without end");
    },
  },
  {
    id: "BG103",
    title: "What costs much to run is limited.",
    field: "rate_limit_policy",
    remediation: "Set a small max_per_hour and max_per_day, and a long cooldown_seconds.",
    check({ terms }) {
      if (!isCostly(terms) || isRateLimited(terms.rateLimitPolicy)) return undefined;
      return fail("a use costs much to run, and nothing limits how often one user may");
    },
  },
  {
    id: "BG104",
    title: "What costs much to run costs quota: video 5 or more, other high cost 2 or more.",
    field: "quota_cost",
    remediation: "Raise quota_cost: video takes 5 or more, other costly features 2 or more.",
    check({ terms }) {
      const least = costMinOf(terms);
      // A free feature is BG101's matter.
      if (terms.quotaCost === 0n || terms.quotaCost >= least) return undefined;
      const message = `quota_cost is ${terms.quotaCost}, and should be ${least} or more`;
      if (isRateLimited(terms.rateLimitPolicy)) return warn(message);
      return fail(`${message}, the more so as nothing limits it`);
    },
  },
  {
    id: "BG105",
    title: "Limits are tight enough to stop abuse.",
    field: "rate_limit_policy",
    remediation: "Lower max_per_hour and max_per_day to what an honest user needs at most.",
    check({ terms }) {
      const lax = laxLimits(terms);
      return lax.length === 0 ? undefined : warn(lax.join("; "));
    },
  },
  {
    id: "BG106",
    title: "What costs much to run has a cooldown.",
    field: "rate_limit_policy.cooldown_seconds",
    remediation: "Set cooldown_seconds: 10 or more, and 60 or more for video.",
    check({ terms }) {
      const policy = terms.rateLimitPolicy;
      // Without any limit it is BG103's matter.
      if (!isCostly(terms) || !isRateLimited(policy)) return undefined;
      const least = boundsOf(terms).cooldown;
      if (policy.cooldownSeconds >= least) return undefined;
      return warn(`cooldown_seconds is ${policy.cooldownSeconds}, and should be ${least} or more`);
    },
  },
  {
    id: "BG107",
    title: "A whitelisted feature has a plan for its launch.",
    field: "launch_plan",
    remediation: "Say in launch_plan when and how the feature will be opened to all members.",
    check({ terms }) {
      if (terms.accessScope !== "WHITELIST" || terms.launchPlan.trim() !== "") return undefined;
      return warn("the feature is whitelisted, and launch_plan doesn't say until when");
    },
  },
  {
    id: "BG108",
    title: "Video is declared as high cost.",
    field: "high_cost",
    remediation: "Set high_cost: reports and reviews go by it.",
    check({ terms }) {
      if (terms.category !== VIDEO || terms.highCost) return undefined;
      return warn("the category is video, and high_cost is false");
    },
  },
  {
    id: "BG109",
    title: "Every limit can be reached.",
    field: "rate_limit_policy.max_per_hour",
    remediation: "Set max_per_hour to max_per_day or less.",
    check({ terms }) {
      const policy = terms.rateLimitPolicy;
      if (policy === null || policy.maxPerDay === 0) return undefined;
      if (policy.maxPerHour <= policy.maxPerDay) return undefined;
      const { maxPerHour, maxPerDay } = policy;
      return warn(`max_per_hour ${maxPerHour} is never reached, since max_per_day is ${maxPerDay}`);
    },
  },
];

/** Everything that the rules have to say, in the order of the rules. */
export function reviewFeature(feature: FeatureUnderReview): Finding[] {
  return FEATURE_RULES.flatMap(({ id, field, remediation, check }) => {
    const complaint = check(feature);
    return complaint ? [{ ruleId: id, field, remediation, ...complaint }] : [];
  });
}

function fail(message: string): Complaint {
  return { severity: "FAIL", message };
}

function warn(message: string): Complaint {
  return { severity: "WARN", message };
}

/** Video costs much to run even when its author doesn't say so. */
function isCostly({ highCost, category }: FeatureTerms): boolean {
  return highCost || category === VIDEO;
}

function costMinOf(terms: FeatureTerms): QuotaUnits {
  if (terms.category === VIDEO) return VIDEO_COST_MIN;
  return terms.highCost ? HIGH_COST_MIN : 1n;
}

function boundsOf({ category }: FeatureTerms): Bounds {
  return category === VIDEO ? VIDEO_BOUNDS : HIGH_COST_BOUNDS;
}

/** A number of uses that can't be exceeded, however slowly one goes about it. */
function hasMaximum(policy: RateLimitPolicy | null): boolean {
  return policy !== null && (policy.maxPerHour > 0 || policy.maxPerDay > 0);
}

/** A bound on open holds doesn't count: whoever commits at once goes on at once. */
function isRateLimited(policy: RateLimitPolicy | null): policy is RateLimitPolicy {
  return policy !== null && (hasMaximum(policy) || policy.cooldownSeconds > 0);
}

function laxLimits(terms: FeatureTerms): string[] {
  const policy = terms.rateLimitPolicy;
  if (!isCostly(terms)) {
    return hasMaximum(policy) ? [] : ["neither max_per_hour nor max_per_day is set"];
  }
  // Without any limit it is BG103's matter.
  if (!isRateLimited(policy)) return [];
  const { perHour, perDay } = boundsOf(terms);
  return [
    laxMaximum("max_per_hour", policy.maxPerHour, perHour),
    laxMaximum("max_per_day", policy.maxPerDay, perDay),
  ].filter((complaint) => complaint !== undefined);
}

function laxMaximum(field: string, max: number, bound: number): string | undefined {
  if (max === 0) return `${field} is not set`;
  return max > bound ? `${field} is ${max}, and should be ${bound} or less` : undefined;
}
