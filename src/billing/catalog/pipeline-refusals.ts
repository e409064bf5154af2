/** Why a pipeline can't be changed or read. */
import type { PipelineId } from "../id.ts";
import { Refusal, type Violation } from "../refusal.ts";
import type { Pipeline, PipelineFile, PlacedFinding } from "./pipeline.ts";

/** Findings told in a refusal: it travels in a trailer, of which common clients take no more than 8 KiB. */
const TOLD_MAX = 8;
/** Characters of one finding; Chinese takes three bytes for each. */
const DESCRIPTION_MAX = 160;

export function pipelineNotFound(pipelineId: PipelineId): Refusal {
  const message = "there is no such pipeline, or no such version of it";
  return new Refusal("PIPELINE_NOT_FOUND", message, { pipelineId });
}

export function pipelineStateInvalid({ pipelineId, version, state }: Pipeline): Refusal {
  const message = `version ${version} of the pipeline is ${state}, not DRAFT`;
  const facts = { pipelineId, version: String(version), state };
  return new Refusal("PIPELINE_STATE_INVALID", message, facts);
}

export function pipelineNotInForce(pipelineId: PipelineId, lastVersion: number): Refusal {
  const facts = { pipelineId, version: String(lastVersion), state: "none in force" };
  return new Refusal("PIPELINE_STATE_INVALID", "none of its versions is in force", facts);
}

/** With each finding that refuses at its place; CreatePipelineVersion with validate_only tells all of them. */
export function reviewFailed(
  { pipelineId, version, path }: Pipeline,
  findings: readonly PlacedFinding[],
): Refusal {
  const failures = findings.filter(({ severity }) => severity !== "WARN");
  const rules = [...new Set(failures.map(({ ruleId }) => ruleId))].join(",");
  const violations: Violation[] = failures.slice(0, TOLD_MAX).map((finding) => ({
    type: finding.ruleId,
    subject: `${path}:${finding.line}:${finding.column}`,
    description: shortened(`${finding.message}. ${finding.remediation}`),
  }));
  const more = failures.length - violations.length;
  if (more > 0) {
    violations.push({
      type: "MORE",
      subject: path,
      description: `${more} more findings refuse it`,
    });
  }
  const facts = { pipelineId, version: String(version), rules };
  const message = `the reviewer fails this version: ${rules}`;
  return new Refusal("PIPELINE_REVIEW_FAILED", message, facts, { violations });
}

export function featuresUnpublished(
  { pipelineId, version }: Pipeline,
  { unpublishedFeatureIds }: PipelineFile,
): Refusal {
  const told = unpublishedFeatureIds.slice(0, TOLD_MAX);
  const featureIds = told.join(",");
  const facts = { pipelineId, version: String(version), featureIds };
  const message = `no version in force has: ${featureIds}`;
  const violations = told.map((featureId) => ({
    type: "PIPELINE_FEATURE_UNPUBLISHED",
    subject: featureId,
    description: "no version of the feature is in force",
  }));
  return new Refusal("PIPELINE_FEATURE_UNPUBLISHED", message, facts, { violations });
}

function shortened(text: string): string {
  if (text.length <= DESCRIPTION_MAX) return text;
  return `${text.slice(0, DESCRIPTION_MAX).toWellFormed()}…`;
}
