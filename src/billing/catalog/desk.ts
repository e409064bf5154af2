/**
 * Changes of the catalogue: what a use case sees, what it decides, and what is written. As with
 * quota, it looks at the desk and decides; it fetches nothing and changes nothing.
 */
import type { ApprovalId, Caller, FeatureId, PipelineId, ReviewId, UserId } from "../id.ts";
import type { NewReview } from "../review/review.ts";
import type { Approval } from "./approval.ts";
import type { Feature } from "./feature.ts";
import type { OfferFile, OfferKind, OfferVersion } from "./offer.ts";
import type { PipelineFile, PipelineWrite } from "./pipeline.ts";

export interface CatalogDesk {
  /** The database's time, in milliseconds since 1970. */
  readonly nowMs: number;
  readonly caller: Caller;
  /** The versions of the feature that is named; undefined when it is unknown. */
  readonly file: FeatureFile | undefined;
  /** The approval that is named, locked; undefined when it is unknown. */
  readonly approval: Approval | undefined;
  /** The versions of the plan, pack or campaign that is named; undefined when it is unknown. */
  readonly offer: OfferFile | undefined;
  /** The versions of the pipeline that is named; undefined when it is unknown. */
  readonly pipeline: PipelineFile | undefined;
  /** True when the user that is named is registered. */
  readonly knowsUser: boolean;
  newId(prefix: "apr" | "rev"): string;
}

/** A known feature. While a command looks at it, nobody else changes the catalogue. */
export interface FeatureFile {
  readonly lastVersion: number;
  readonly inForce: Feature | undefined;
  /** The version that is named; undefined when it is unknown. */
  readonly named: Feature | undefined;
  /** True when a second person has approved that the named version costs nothing. */
  readonly zeroCostApproved: boolean;
  /** How many users are on the feature's list, where the use case needs it. */
  readonly listedCount: number;
  /** Which of the users that are named are on it. */
  readonly listed: ReadonlySet<UserId>;
}

/** What a use case needs loaded before it can decide. */
export interface CatalogNeeds {
  /** The feature, under the catalogue's lock. */
  readonly featureId?: FeatureId;
  /** One version of it. */
  readonly version?: number;
  /** Users who may be on its list, to be counted with all who are. */
  readonly userIds?: readonly UserId[];
  /** A plan, pack or campaign, under the catalogue's lock, and perhaps one version of it. */
  readonly offer?: {
    readonly kind: OfferKind;
    readonly offerId: string;
    readonly version?: number;
  };
  /** A pipeline, under the catalogue's lock, and perhaps one version of it. */
  readonly pipeline?: { readonly pipelineId: PipelineId; readonly version?: number };
  /** An approval, under its lock. */
  readonly approvalId?: ApprovalId;
  /** A user who has to be registered. */
  readonly userId?: UserId;
}

/** What a decision changes. */
export interface CatalogWrites {
  /** New versions, and versions whose state has changed. */
  readonly features?: readonly Feature[];
  /** The same of plans, packs and campaigns. */
  readonly offers?: readonly OfferVersion[];
  /** New versions of pipelines, and what has happened to versions. */
  readonly pipelines?: readonly PipelineWrite[];
  /** New approvals, and approvals that were decided. */
  readonly approvals?: readonly Approval[];
  readonly access?: {
    readonly featureId: FeatureId;
    readonly add: readonly UserId[];
    readonly remove: readonly UserId[];
  };
  /** What the reviewer said to what is published. */
  readonly reviews?: readonly DecidedReview[];
  /** True when what can be reserved is another afterwards: all servers must read it again. */
  readonly changesInForce?: boolean;
  readonly notes: readonly AuditNote[];
}

/** A review that is kept under the id that the answer names. */
export interface DecidedReview extends Omit<NewReview, "contentSha256"> {
  readonly reviewId: ReviewId;
  /** What was reviewed, or its hash, which is kept. */
  readonly reviewed: { readonly content: string } | { readonly sha256: string };
}

/** What a change leaves in the audit trail; who and when are added when it is written. */
export interface AuditNote {
  /** The RPC. */
  readonly action: string;
  /** What was changed, such as `feature/ai_model_tryon`. */
  readonly subject: string;
  /** JSON; null where there was nothing. */
  readonly before: unknown;
  /** JSON. */
  readonly after: unknown;
  /** Why, where the caller says so. */
  readonly reason: string;
}

export interface CatalogDecision<Answer> {
  readonly writes: CatalogWrites;
  readonly answer: Answer;
}

/** One use case on the catalogue. */
export interface CatalogUseCase<Input, Answer> {
  /** The RPC's name; idempotency keys are unique within it. */
  readonly method: string;
  needs(input: Input): CatalogNeeds;
  /**
   * The request's content, field by field under the names of the proto: what must be equal when a
   * key is sent again. Always the same fields in the same order: their values alone are stored.
   */
  content(input: Input): Readonly<Record<string, string>>;
  /**
   * Decides. It reads the desk only.
   * @throws Refusal when it may not happen
   */
  decide(desk: CatalogDesk, input: Input): CatalogDecision<Answer>;
  /** The stored form of an answer and back. */
  readonly answers: { write(answer: Answer): string; read(text: string): Answer };
}

/** A change of nothing. */
export const NO_WRITES: CatalogWrites = { notes: [] };
