/** The reviewer's word on a feature version, as a review to be kept. */
import { featureSubject } from "../catalog/approval.ts";
import type { DecidedReview } from "../catalog/desk.ts";
import type { Feature } from "../catalog/feature.ts";
import { verdictOf, type Finding } from "./finding.ts";

/** The rules of features stand in the domain: what they say depends on the version and its approval alone. */
export const CATALOGUE_REVIEWER = "catalogue";

/** What is kept of a feature's review: it has fields in the place of lines. */
export interface FeatureReviewResult {
  readonly findings: readonly Finding[];
}

/** @param content the version as the audit trail has it */
export function featureReview(
  feature: Feature,
  content: unknown,
  findings: readonly Finding[],
): Omit<DecidedReview, "reviewId"> {
  const result: FeatureReviewResult = { findings };
  return {
    kind: "FEATURE",
    subject: featureSubject(feature),
    verdict: verdictOf(findings),
    lockPolicy: "SEMANTIC",
    findingCount: findings.length,
    content: JSON.stringify(content),
    reviewer: CATALOGUE_REVIEWER,
    requestSha256: null,
    result: JSON.stringify(result),
  };
}
