/** CreateFeatureVersion: writes a new version of a feature as a draft. */
import { reviewFeature } from "../review/feature-rules.ts";
import { reviewedFeatureAnswers, storeFeature, type ReviewedFeatureAnswer } from "./answers.ts";
import { featureSubject } from "./approval.ts";
import type { CatalogUseCase } from "./desk.ts";
import type { Feature, FeatureTerms, RateLimitPolicy } from "./feature.ts";

/** Nothing is refused: what the reviewer fails can be written down, and not published. */
export const createFeatureVersion: CatalogUseCase<FeatureTerms, ReviewedFeatureAnswer> = {
  method: "CreateFeatureVersion",
  needs: ({ featureId }) => ({ featureId }),
  content: (terms) => ({
    "feature.feature_id": terms.featureId,
    "feature.display_name": terms.displayName,
    "feature.quota_cost": terms.quotaCost.toString(),
    "feature.high_cost": String(terms.highCost),
    "feature.category": terms.category,
    "feature.access_scope": terms.accessScope,
    ...policyContent(terms.rateLimitPolicy),
    "feature.launch_plan": terms.launchPlan,
  }),
  decide({ file, nowMs, caller }, terms) {
    const feature: Feature = {
      // Field by field: what else the caller's object has must not get into the books.
      featureId: terms.featureId,
      displayName: terms.displayName,
      quotaCost: terms.quotaCost,
      highCost: terms.highCost,
      category: terms.category,
      accessScope: terms.accessScope,
      rateLimitPolicy: terms.rateLimitPolicy,
      launchPlan: terms.launchPlan,
      version: (file?.lastVersion ?? 0) + 1,
      state: "DRAFT",
      createTimeMs: nowMs,
      publishTimeMs: null,
      createdBy: caller.name,
    };
    const note = {
      action: "CreateFeatureVersion",
      subject: featureSubject(feature),
      before: null,
      after: storeFeature(feature),
      reason: "",
    };
    return {
      writes: { features: [feature], notes: [note] },
      answer: { feature, findings: reviewFeature({ terms: feature, zeroCostApproved: false }) },
    };
  },
  answers: reviewedFeatureAnswers,
};

/** No policy and one without any limit are two contents, though they allow the same. */
function policyContent(policy: RateLimitPolicy | null): Record<string, string> {
  return {
    "feature.rate_limit_policy": policy === null ? "absent" : "present",
    "feature.rate_limit_policy.max_per_hour": String(policy?.maxPerHour ?? 0),
    "feature.rate_limit_policy.max_per_day": String(policy?.maxPerDay ?? 0),
    "feature.rate_limit_policy.cooldown_seconds": String(policy?.cooldownSeconds ?? 0),
    "feature.rate_limit_policy.max_in_flight": String(policy?.maxInFlight ?? 0),
  };
}
