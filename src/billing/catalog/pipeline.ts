/** Pipelines: what a task runs, in immutable versions of which one is in force. */
import type { FeatureId, PipelineId } from "../id.ts";
import type { Page } from "../quota/reader.ts";
import type { Severity, Verdict } from "../review/finding.ts";

/** DRAFT can be published; PUBLISHED is in force; the others were. */
export type PipelineState = "DRAFT" | "PUBLISHED" | "SUPERSEDED" | "RETIRED";
export type PipelineFormat = "YAML" | "JSON";

/** A text as its author sends it. */
export interface PipelineSource {
  readonly pipelineId: PipelineId;
  /** The file that it came from, as findings name it. */
  readonly path: string;
  readonly format: PipelineFormat;
  /** One pipeline. */
  readonly content: string;
}

/** One version, without its text, which is long. */
export interface Pipeline extends Omit<PipelineSource, "content"> {
  /** Counts the pipeline's versions from 1. */
  readonly version: number;
  readonly state: PipelineState;
  /** Of the text in UTF-8: 64 hexadecimal digits. */
  readonly contentSha256: string;
  /** Each once, in the order of their bytes. */
  readonly featureIds: readonly FeatureId[];
  /** What the reviewer said when it was published; null if it never was. */
  readonly verdict: Verdict | null;
  readonly createTimeMs: number;
  readonly createdBy: string;
  readonly publishTimeMs: number | null;
  readonly publishedBy: string | null;
  /** When it went out of force; null while it hasn't. */
  readonly endTimeMs: number | null;
}

/** What the reviewer says to one place of a text. */
export interface PlacedFinding {
  readonly ruleId: string;
  /** NOT_ANALYSED: nobody can tell from the text. */
  readonly severity: Severity | "NOT_ANALYSED";
  /** Shortened where the text makes it very long. */
  readonly message: string;
  readonly remediation: string;
  /** Lines and columns count from 1, columns in UTF-16 code units; the end is exclusive. */
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** All that the reviewer has read out of a text. */
export interface PipelineReview {
  readonly contentSha256: string;
  readonly featureIds: readonly FeatureId[];
  /** FAIL also where something couldn't be judged: a catalogue holds nothing that nobody has judged. */
  readonly verdict: Verdict;
  /** The first FINDINGS_MAX; what fails comes first, then what wasn't judged, each by place. */
  readonly findings: readonly PlacedFinding[];
}

/** A pipeline of a thousand faults isn't mended by a list of all of them. */
export const FINDINGS_MAX = 100;
/** Features that one pipeline may use. */
export const FEATURES_MAX = 100;

/** The reviewer, as the catalogue asks it. */
export interface PipelineReviewer {
  /**
   * Never fails for what the text holds: that is a finding.
   * @param signal gives the review up
   * @throws Refusal OVERLOADED when too many texts are waiting
   */
  review(source: PipelineSource, signal?: AbortSignal): Promise<PipelineReview>;
}

/** Names a version of a pipeline. */
export interface PipelineRef {
  readonly pipelineId: PipelineId;
  /** From 1. */
  readonly version: number;
}

/** A known pipeline. While a command looks at it, nobody else changes the catalogue. */
export interface PipelineFile {
  readonly lastVersion: number;
  readonly inForce: Pipeline | undefined;
  /** The version that is named; undefined when it is unknown. */
  readonly named: Pipeline | undefined;
  /** Those features of the named version of which no version is in force. */
  readonly unpublishedFeatureIds: readonly FeatureId[];
}

/** What is written of a pipeline: rows that nobody changes. */
export type PipelineWrite =
  | { readonly kind: "VERSION"; readonly pipeline: Pipeline; readonly content: string }
  | {
      readonly kind: "PUBLISHED";
      readonly ref: PipelineRef;
      readonly verdict: Verdict;
      readonly findings: readonly PlacedFinding[];
    }
  | {
      readonly kind: "SUPERSEDED" | "RETIRED";
      readonly ref: PipelineRef;
    };

export interface StoredPipeline {
  readonly pipeline: Pipeline;
  readonly content: string;
  /** Of its publication; empty if it was never published. */
  readonly findings: readonly PlacedFinding[];
}

export interface PipelineFilter {
  readonly pipelineId: PipelineId | null;
  /** Only of pipelines that use it. */
  readonly featureId: FeatureId | null;
  /** Null: in every state. */
  readonly state: PipelineState | null;
}

/** What can be read of pipelines: as it is committed, and nothing locked. */
export interface PipelineReader {
  /**
   * One version of a pipeline; with version 0 the one in force.
   * @returns the number of the newest version when the pipeline is known and none is in force
   */
  findPipeline(
    pipelineId: PipelineId,
    version: number,
  ): Promise<StoredPipeline | number | undefined>;
  /** By pipeline id and version. */
  listPipelines(filter: PipelineFilter, page: Page<PipelineRef>): Promise<Pipeline[]>;
}

/** What it is called in the audit trail, such as `pipeline/ai_video/1`. */
export function pipelineSubject({ pipelineId, version }: PipelineRef): string {
  return `pipeline/${pipelineId}/${version}`;
}
