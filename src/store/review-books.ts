/** Reviews that are kept: written once, found by id, by request, or in lists. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { ReviewId } from "../billing/id.ts";
import type { ReviewBooks, ReviewReader, StoredReview } from "../billing/review/review.ts";
import type { CatalogContext } from "./catalog-books.ts";
import type { Row } from "./cell.ts";
import { classify } from "./mysql-error.ts";
import { readMoment } from "./quota-facts.ts";
import { insertReview, readReview, readSummary, SUMMARY_COLUMNS } from "./review-rows.ts";
import { literal } from "./sql.ts";
import { inTransaction, reading } from "./transaction.ts";

export function createReviewReader(orm: MikroORM): ReviewReader {
  const rows = (sql: string): Promise<Row[]> => reading(orm, (em) => em.execute<Row[]>(sql));
  return {
    async findReview(reviewId) {
      const [row] = await rows(`select * from reviews where review_id = ${literal(reviewId)}`);
      return row && readReview(row);
    },
    async listReviews({ kind, verdict, subject }, { after, limit }) {
      const conditions = ["true"];
      if (kind !== null) conditions.push(`kind = ${literal(kind)}`);
      if (verdict !== null) conditions.push(`verdict = ${literal(verdict)}`);
      if (subject !== null) conditions.push(`subject = ${literal(subject)}`);
      if (after !== null) conditions.push(`review_id < ${literal(after.reviewId)}`);
      const found = await rows(
        `select ${SUMMARY_COLUMNS} from reviews where ${conditions.join(" and ")}
          order by review_id desc limit ${limit}`,
      );
      return found.map(readSummary);
    },
  };
}

export function createReviewBooks(orm: MikroORM, context: CatalogContext): ReviewBooks {
  const find = async (requestSha256: string): Promise<StoredReview | undefined> => {
    const sql = `select * from reviews where request_sha256 = ${literal(requestSha256)}`;
    const [row] = await reading(orm, (em) => em.execute<Row[]>(sql));
    return row && readReview(row);
  };
  return {
    findByRequest: find,
    async keep(review, caller) {
      try {
        const kept = await inTransaction(orm, async (em) => {
          const { nowMs } = await readMoment(em, context);
          const reviewId = context.ids.next("rev", nowMs) as ReviewId;
          return insertReview(em, review, { reviewId, caller, nowMs });
        });
        return { review: kept, replayed: false };
      } catch (error) {
        // Somebody had the same reviewed at the same moment; by now theirs is committed.
        const isKept = classify(error) === "duplicate-key" && review.requestSha256 !== null;
        const first = isKept ? await find(review.requestSha256) : undefined;
        if (first === undefined) throw error;
        return { review: first, replayed: true };
      }
    },
  };
}
