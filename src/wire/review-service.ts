/** ReviewService: each handler parses, has the files reviewed, and renders what was said. */
import type { ReviewId } from "../billing/id.ts";
import { getReview } from "../billing/review/get-review.ts";
import type {
  LockPolicy,
  ReviewedFile,
  Reviewer,
  ReviewKind,
  ReviewReader,
} from "../billing/review/review.ts";
import type * as wire from "../gen/billing/review/v1/review_service.ts";
import type { Handle, WireCall } from "./call.ts";
import { FieldCheck } from "./field.ts";
import * as parse from "./parse-review.ts";
import * as render from "./render-review.ts";

export interface ReviewParts {
  readonly reviewer: Reviewer;
  readonly reader: ReviewReader;
}

/** A pull request of a large repository; all other services take less. */
export const REVIEW_BYTES_MAX = 4 * 1024 * 1024;

export function reviewHandlers(parts: ReviewParts) {
  return { ...reviews(parts), ...reads(parts) };
}

interface Asked {
  readonly kind: ReviewKind;
  readonly files: readonly ReviewedFile[];
  readonly lockPolicy: LockPolicy;
  readonly reports: wire.ReportForms | undefined;
}

function reviews({ reviewer }: ReviewParts) {
  const answer = async ({ reports, ...asked }: Asked, { caller, signal }: WireCall) => {
    const { review, replayed } = await reviewer.review(asked, caller, signal);
    return { review: render.review(review), reports: render.reports(review, reports), replayed };
  };
  const code: Handle<wire.ReviewCodeRequest, wire.ReviewCodeResponse> = (request, call) => {
    const check = new FieldCheck();
    const files = parse.readFiles(check, request.files);
    const lockPolicy = parse.readLockPolicy(check, request.lockPolicy);
    check.done();
    return answer({ kind: "CODE", files, lockPolicy, reports: request.reports }, call);
  };
  const documentOf =
    (kind: ReviewKind): Handle<wire.ReviewFeatureRequest, wire.ReviewFeatureResponse> =>
    (request, call) => {
      const check = new FieldCheck();
      const files = parse.readDocument(check, request.document);
      check.done();
      return answer({ kind, files, lockPolicy: "SEMANTIC", reports: request.reports }, call);
    };
  return {
    reviewCode: code,
    reviewFeature: documentOf("FEATURE"),
    reviewPipeline: documentOf("PIPELINE"),
  };
}

function reads({ reader }: ReviewParts) {
  const rules: Handle<wire.ListRulesRequest, wire.ListRulesResponse> = async () => ({
    rules: render.rules(),
  });
  const one: Handle<wire.GetReviewRequest, wire.GetReviewResponse> = async (request) => {
    const check = new FieldCheck();
    const reviewId = check.sourceId("review_id", request.reviewId) as ReviewId;
    check.done();
    const review = await getReview(reader, reviewId);
    return { review: render.review(review), reports: render.reports(review, request.reports) };
  };
  const list: Handle<wire.ListReviewsRequest, wire.ListReviewsResponse> = async (request) => {
    const { filter, paging } = parse.parseListReviews(request);
    const found = await reader.listReviews(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { reviews: rows.map(render.summary), nextPageToken };
  };
  return { listRules: rules, getReview: one, listReviews: list };
}
