/** The reviewer's word on what the catalogue publishes, as a review to be kept. */
import { featureSubject } from "../catalog/approval.ts";
import type { DecidedReview } from "../catalog/desk.ts";
import type { Feature } from "../catalog/feature.ts";
import {
  pipelineSubject,
  type Pipeline,
  type PipelineReview,
  type PlacedFinding,
} from "../catalog/pipeline.ts";
import { verdictOf, type Finding } from "./finding.ts";

/** Marks what was reviewed for the catalogue: it is kept without the checklist and without reports. */
export const CATALOGUE_REVIEWER = "catalogue";

/** What is kept: findings at fields of a feature, or at places of a pipeline's text. */
export interface CatalogueReviewResult {
  readonly findings: readonly (Finding | PlacedFinding)[];
}

type Kept = Omit<DecidedReview, "reviewId">;

/** @param content the version as the audit trail has it */
export function featureReview(
  feature: Feature,
  content: unknown,
  findings: readonly Finding[],
): Kept {
  return {
    ...recordOf(findings),
    kind: "FEATURE",
    subject: featureSubject(feature),
    verdict: verdictOf(findings),
    reviewed: { content: JSON.stringify(content) },
  };
}

export function pipelineReview(
  pipeline: Pipeline,
  { verdict, findings, contentSha256 }: PipelineReview,
): Kept {
  return {
    ...recordOf(findings),
    kind: "PIPELINE",
    subject: pipelineSubject(pipeline),
    verdict,
    reviewed: { sha256: contentSha256 },
  };
}

function recordOf(findings: CatalogueReviewResult["findings"]) {
  const result: CatalogueReviewResult = { findings };
  return {
    lockPolicy: "SEMANTIC" as const,
    findingCount: findings.length,
    reviewer: CATALOGUE_REVIEWER,
    requestSha256: null,
    result: JSON.stringify(result),
  };
}
