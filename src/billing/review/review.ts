/** Reviews that are kept: what they are about, what they said, and the ports behind which they are made. */
import type { Caller, ReviewId } from "../id.ts";
import type { Page } from "../quota/reader.ts";
import type { Verdict } from "./finding.ts";

export type ReviewKind = "CODE" | "FEATURE" | "PIPELINE";
export type LockPolicy = "SEMANTIC" | "STRICT";

/** A review without its findings. */
export interface ReviewSummary {
  readonly reviewId: ReviewId;
  readonly kind: ReviewKind;
  /** The file, or the version in the catalogue such as `feature/ai_model_tryon/3`; empty for code. */
  readonly subject: string;
  readonly verdict: Verdict;
  readonly lockPolicy: LockPolicy;
  readonly findingCount: number;
  /** SHA-256 of what was reviewed, 64 hexadecimal digits. */
  readonly contentSha256: string;
  /** The fingerprint of the rules that made it. */
  readonly reviewer: string;
  readonly caller: string;
  readonly createTimeMs: number;
}

/** A review as it is kept; it never changes. */
export interface StoredReview extends ReviewSummary {
  /** What was found, as JSON: the reviewer's whole answer. The domain doesn't look into it. */
  readonly result: string;
}

/** What is known of a new review; who, when and its id are added as it is kept. */
export interface NewReview {
  readonly kind: ReviewKind;
  readonly subject: string;
  readonly verdict: Verdict;
  readonly lockPolicy: LockPolicy;
  readonly findingCount: number;
  readonly contentSha256: string;
  readonly reviewer: string;
  /** SHA-256 of all that the result depends on; null for one that isn't looked up by its request. */
  readonly requestSha256: string | null;
  readonly result: string;
}

/** A file as a caller gives it. */
export interface ReviewedFile {
  readonly path: string;
  readonly content: string;
}

export interface ReviewRequest {
  readonly kind: ReviewKind;
  /** One file where the kind isn't CODE. */
  readonly files: readonly ReviewedFile[];
  readonly lockPolicy: LockPolicy;
}

export interface Reviewed {
  readonly review: StoredReview;
  /** True when exactly this was reviewed before. */
  readonly replayed: boolean;
}

/** Makes reviews and keeps them. */
export interface Reviewer {
  /**
   * @param signal gives the review up
   * @throws Refusal OVERLOADED; BadField when a document holds nothing of its kind, or when more was found
   *   than one answer holds; the signal's reason
   */
  review(request: ReviewRequest, caller: Caller, signal: AbortSignal): Promise<Reviewed>;
}

export interface ReviewFilter {
  readonly kind: ReviewKind | null;
  readonly verdict: Verdict | null;
  readonly subject: string | null;
}

/** What can be read of the kept reviews. */
export interface ReviewReader {
  findReview(reviewId: ReviewId): Promise<StoredReview | undefined>;
  /** Newest first. */
  listReviews(
    filter: ReviewFilter,
    page: Page<{ readonly reviewId: ReviewId }>,
  ): Promise<ReviewSummary[]>;
}

/** Keeps new reviews. */
export interface ReviewBooks {
  /** The review that was kept for this request; undefined when there is none. */
  findByRequest(requestSha256: string): Promise<StoredReview | undefined>;
  /** Keeps it, or gives the one that somebody else kept for the same request at the same time. */
  keep(review: NewReview, caller: Caller): Promise<Reviewed>;
}
