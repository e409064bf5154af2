/** PublishFeature: puts a draft in force, in place of the version before it. */
import type { FeatureId, ReviewId } from "../id.ts";
import { Refusal } from "../refusal.ts";
import { featureReview } from "../review/catalogue-review.ts";
import { reviewFeature, ZERO_COST_RULE_ID } from "../review/feature-rules.ts";
import type { Finding } from "../review/finding.ts";
import { publishedFeatureAnswers, storeFeature, type PublishedFeatureAnswer } from "./answers.ts";
import { featureSubject, type FeatureVersionRef } from "./approval.ts";
import type { CatalogUseCase } from "./desk.ts";
import type { Feature } from "./feature.ts";

/**
 * Refused as FEATURE_NOT_FOUND, FEATURE_STATE_INVALID, REVIEW_FAILED, APPROVAL_REQUIRED: the first
 * of these that applies. Approval is asked for last, when nothing else stands against the version.
 */
export const publishFeature: CatalogUseCase<FeatureVersionRef, PublishedFeatureAnswer> = {
  method: "PublishFeature",
  needs: ({ featureId, version }) => ({ featureId, version }),
  content: ({ featureId, version }) => ({ feature_id: featureId, version: String(version) }),
  decide({ file, nowMs, newId }, { featureId }) {
    const draft = file?.named;
    if (file === undefined || draft === undefined) throw featureNotFound(featureId);
    if (draft.state !== "DRAFT") throw stateInvalid(draft);
    const findings = reviewFeature({ terms: draft, zeroCostApproved: file.zeroCostApproved });
    refuseFailures(draft, findings);
    const feature: Feature = { ...draft, state: "PUBLISHED", publishTimeMs: nowMs };
    const reviewId = newId("rev") as ReviewId;
    const review = { ...featureReview(draft, storeFeature(draft), findings), reviewId };
    const before = file.inForce;
    const superseded: Feature[] = before ? [{ ...before, state: "SUPERSEDED" }] : [];
    const note = {
      action: "PublishFeature",
      subject: featureSubject(feature),
      before: before ? storeFeature(before) : null,
      after: storeFeature(feature),
      reason: "",
    };
    return {
      writes: {
        features: [...superseded, feature],
        reviews: [review],
        changesInForce: true,
        notes: [note],
      },
      answer: { feature, findings, reviewId },
    };
  },
  answers: publishedFeatureAnswers,
};

export function featureNotFound(featureId: FeatureId): Refusal {
  return new Refusal("FEATURE_NOT_FOUND", "there is no such feature, or no such version of it", {
    featureId,
  });
}

export function stateInvalid({ featureId, version, state }: Feature): Refusal {
  const message = `version ${version} of the feature is ${state}, not DRAFT`;
  const facts = { featureId, version: String(version), state };
  return new Refusal("FEATURE_STATE_INVALID", message, facts);
}

function refuseFailures(feature: Feature, findings: readonly Finding[]): void {
  const failures = findings.filter(({ severity }) => severity === "FAIL");
  if (failures.length === 0) return;
  const violations = failures.map(({ ruleId, field, message, remediation }) => ({
    type: ruleId,
    subject: field,
    description: `${message}. ${remediation}`,
  }));
  const { featureId, version } = feature;
  if (failures.every(({ ruleId }) => ruleId === ZERO_COST_RULE_ID)) {
    const facts = { subject: featureSubject(feature) };
    const message = "a free feature needs the approval of a second person";
    throw new Refusal("APPROVAL_REQUIRED", message, facts, { violations });
  }
  const rules = failures.map(({ ruleId }) => ruleId).join(",");
  const facts = { featureId, version: String(version), rules };
  throw new Refusal("REVIEW_FAILED", `the reviewer fails this version: ${rules}`, facts, {
    violations,
  });
}
