/** GetReview: a review that was kept. */
import type { ReviewId } from "../id.ts";
import { Refusal } from "../refusal.ts";
import type { ReviewReader, StoredReview } from "./review.ts";

/** @throws Refusal REVIEW_NOT_FOUND */
export async function getReview(reader: ReviewReader, reviewId: ReviewId): Promise<StoredReview> {
  const review = await reader.findReview(reviewId);
  if (review === undefined) {
    throw new Refusal("REVIEW_NOT_FOUND", "there is no such review", { reviewId });
  }
  return review;
}
