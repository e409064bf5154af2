/** Reviews as their table keeps them. */
import { gunzipSync, gzipSync } from "node:zlib";
import { defineEntity, p } from "@mikro-orm/core";
import type { EntityManager } from "@mikro-orm/mysql";
import type { Caller, ReviewId } from "../billing/id.ts";
import type { Verdict } from "../billing/review/finding.ts";
import type {
  LockPolicy,
  NewReview,
  ReviewKind,
  ReviewSummary,
  StoredReview,
} from "../billing/review/review.ts";
import { toMs, type Row } from "./cell.ts";
import { appendOnly } from "./tables.ts";

const ID_LENGTH = 63;
const WORD_LENGTH = 24;
const SHA256_LENGTH = 64;
const SUBJECT_LENGTH = 512;
/** What a kept result unfolds to at most; far more than any answer holds. */
const RESULT_BYTES_MAX = 16 * 1024 * 1024;

const id = () => p.string().length(ID_LENGTH);
const word = () => p.string().length(WORD_LENGTH);

/** Append-only: what was said stays said. */
export const ReviewTable = defineEntity({
  name: "Review",
  tableName: "reviews",
  properties: {
    reviewId: id().primary(),
    kind: word(),
    subject: p.string().length(SUBJECT_LENGTH),
    verdict: word(),
    lockPolicy: word(),
    findingCount: p.integer(),
    contentSha256: p.string().length(SHA256_LENGTH).fieldName("content_sha256"),
    requestSha256: p.string().length(SHA256_LENGTH).fieldName("request_sha256").nullable(),
    reviewer: id(),
    /** JSON, gzipped. */
    result: p.blob().columnType("mediumblob"),
    caller: id(),
    createTime: p.datetime(3),
  },
  uniques: [{ name: "reviews_request", properties: ["requestSha256"] }],
  indexes: [
    { name: "reviews_kind", properties: ["kind", "verdict", "reviewId"] },
    { name: "reviews_subject", properties: ["subject", "reviewId"] },
  ],
  triggers: appendOnly("reviews"),
});

/** Who, when, and under which id a review is kept. */
export interface ReviewOccasion {
  readonly reviewId: ReviewId;
  readonly caller: Caller;
  readonly nowMs: number;
}

/** Writes the row; fails as a duplicate key when the same request is kept already. */
export async function insertReview(
  em: EntityManager,
  review: NewReview,
  { reviewId, caller, nowMs }: ReviewOccasion,
): Promise<StoredReview> {
  const { result, ...facts } = review;
  await em.insert(ReviewTable, {
    ...facts,
    reviewId,
    result: gzipSync(result),
    caller: caller.name,
    createTime: new Date(nowMs),
  });
  const { requestSha256: _, ...shown } = review;
  return { ...shown, reviewId, caller: caller.name, createTimeMs: nowMs };
}

/** All but the result, which lists don't show. */
export const SUMMARY_COLUMNS = `review_id, kind, subject, verdict, lock_policy, finding_count,
  content_sha256, reviewer, caller, create_time`;

export function readSummary(row: Row): ReviewSummary {
  return {
    reviewId: row["review_id"] as ReviewId,
    kind: row["kind"] as ReviewKind,
    subject: row["subject"] as string,
    verdict: row["verdict"] as Verdict,
    lockPolicy: row["lock_policy"] as LockPolicy,
    findingCount: Number(row["finding_count"]),
    contentSha256: row["content_sha256"] as string,
    reviewer: row["reviewer"] as string,
    caller: row["caller"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}

export function readReview(row: Row): StoredReview {
  const packed = row["result"] as Buffer;
  const result = gunzipSync(packed, { maxOutputLength: RESULT_BYTES_MAX }).toString("utf8");
  return { ...readSummary(row), result };
}
