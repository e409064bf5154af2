/** Creating, publishing and retiring versions of pipelines: the decisions, which look at the desk only. */
import type { PipelineId, ReviewId } from "../id.ts";
import { assert } from "../refusal.ts";
import { pipelineReview } from "../review/catalogue-review.ts";
import type { Verdict } from "../review/finding.ts";
import type { AuditNote, CatalogUseCase } from "./desk.ts";
import {
  pipelineSubject,
  type Pipeline,
  type PipelineRef,
  type PipelineReview,
  type PipelineSource,
  type PipelineWrite,
  type PlacedFinding,
} from "./pipeline.ts";
import {
  featuresUnpublished,
  pipelineNotFound,
  pipelineNotInForce,
  pipelineStateInvalid,
  reviewFailed,
} from "./pipeline-refusals.ts";

export interface PipelineAnswer {
  readonly pipeline: Pipeline;
  readonly verdict: Verdict | null;
  readonly findings: readonly PlacedFinding[];
  /** The review that was kept with the publication; there is none of other changes. */
  readonly reviewId?: ReviewId;
}

/** A text, and what the reviewer has read out of it. */
export interface WritePipeline {
  readonly source: PipelineSource;
  readonly review: PipelineReview;
}

export interface PublishPipelineVersion extends PipelineRef {
  /** Of the version's text; needed where the version is a draft. */
  readonly review: PipelineReview | undefined;
}

export interface RetirePipeline {
  readonly pipelineId: PipelineId;
  /** Why, for the record. */
  readonly reason: string;
}

const answers = {
  write: (answer: PipelineAnswer): string => JSON.stringify(answer),
  read: (text: string): PipelineAnswer => JSON.parse(text) as PipelineAnswer,
};

/** Nothing is refused: what the reviewer fails can be written down, and not published. */
export const writePipelineVersion: CatalogUseCase<WritePipeline, PipelineAnswer> = {
  method: "CreatePipelineVersion",
  needs: ({ source }) => ({ pipeline: { pipelineId: source.pipelineId } }),
  content: ({ source, review }) => ({
    pipeline_id: source.pipelineId,
    path: source.path,
    // The text itself would be kept twice.
    content: review.contentSha256,
  }),
  decide({ pipeline: file, nowMs, caller }, { source, review }) {
    const pipeline: Pipeline = {
      pipelineId: source.pipelineId,
      path: source.path,
      format: source.format,
      version: (file?.lastVersion ?? 0) + 1,
      state: "DRAFT",
      contentSha256: review.contentSha256,
      featureIds: review.featureIds,
      verdict: null,
      createTimeMs: nowMs,
      createdBy: caller.name,
      publishTimeMs: null,
      publishedBy: null,
      endTimeMs: null,
    };
    const { verdict, findings } = review;
    const write: PipelineWrite = { kind: "VERSION", pipeline, content: source.content };
    const note = noteOf("CreatePipelineVersion", undefined, pipeline, "");
    return {
      writes: { pipelines: [write], notes: [note] },
      answer: { pipeline, verdict, findings },
    };
  },
  answers,
};

/**
 * Refused as PIPELINE_NOT_FOUND, PIPELINE_STATE_INVALID, PIPELINE_REVIEW_FAILED, PIPELINE_FEATURE_UNPUBLISHED:
 * the first of these that applies.
 */
export const publishPipelineVersion: CatalogUseCase<PublishPipelineVersion, PipelineAnswer> = {
  method: "PublishPipeline",
  needs: ({ pipelineId, version }) => ({ pipeline: { pipelineId, version } }),
  content: ({ pipelineId, version }) => ({ pipeline_id: pipelineId, version: String(version) }),
  decide({ pipeline: file, nowMs, caller, newId }, { pipelineId, review }) {
    const draft = file?.named;
    if (file === undefined || draft === undefined) throw pipelineNotFound(pipelineId);
    if (draft.state !== "DRAFT") throw pipelineStateInvalid(draft);
    assert(review?.contentSha256 === draft.contentSha256, "what is published was reviewed");
    if (review.verdict === "FAIL") throw reviewFailed(draft, review.findings);
    if (file.unpublishedFeatureIds.length > 0) throw featuresUnpublished(draft, file);
    const pipeline: Pipeline = {
      ...draft,
      state: "PUBLISHED",
      verdict: review.verdict,
      publishTimeMs: nowMs,
      publishedBy: caller.name,
    };
    const { verdict, findings } = review;
    const before = file.inForce;
    const writes: PipelineWrite[] = [{ kind: "PUBLISHED", ref: refOf(draft), verdict, findings }];
    if (before) writes.unshift({ kind: "SUPERSEDED", ref: refOf(before) });
    const note = noteOf("PublishPipeline", before, pipeline, "");
    const reviewId = newId("rev") as ReviewId;
    const reviews = [{ ...pipelineReview(pipeline, review), reviewId }];
    return {
      writes: { pipelines: writes, reviews, notes: [note] },
      answer: { pipeline, verdict, findings, reviewId },
    };
  },
  answers,
};

/** Refused as PIPELINE_NOT_FOUND, PIPELINE_STATE_INVALID when none of its versions is in force. */
export const retirePipeline: CatalogUseCase<RetirePipeline, PipelineAnswer> = {
  method: "RetirePipeline",
  needs: ({ pipelineId }) => ({ pipeline: { pipelineId } }),
  content: ({ pipelineId, reason }) => ({ pipeline_id: pipelineId, reason }),
  decide({ pipeline: file, nowMs }, { pipelineId, reason }) {
    if (file === undefined) throw pipelineNotFound(pipelineId);
    const { inForce } = file;
    if (inForce === undefined) throw pipelineNotInForce(pipelineId, file.lastVersion);
    const pipeline: Pipeline = { ...inForce, state: "RETIRED", endTimeMs: nowMs };
    const note = noteOf("RetirePipeline", inForce, pipeline, reason);
    return {
      writes: { pipelines: [{ kind: "RETIRED", ref: refOf(inForce) }], notes: [note] },
      answer: { pipeline, verdict: pipeline.verdict, findings: [] },
    };
  },
  answers,
};

function refOf({ pipelineId, version }: PipelineRef): PipelineRef {
  return { pipelineId, version };
}

function noteOf(
  action: string,
  before: Pipeline | undefined,
  after: Pipeline,
  reason: string,
): AuditNote {
  return { action, subject: pipelineSubject(after), before: before ?? null, after, reason };
}
