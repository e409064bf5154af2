/** Reviews for whoever asks over the wire: made in processes of their own, one after the other, and kept. */
import { createHash } from "node:crypto";
import { BadField, Refusal } from "./billing/refusal.ts";
import { shanghaiDay } from "./billing/calendar.ts";
import type { ReviewBooks, Reviewed, Reviewer, ReviewRequest } from "./billing/review/review.ts";
import { engine } from "./review/answers.ts";
import type { Limits } from "./review/contract.ts";
import type { ReviewResult } from "./review/review.ts";
import { createTurns, type Turns } from "./review/turns.ts";
import { unjudged } from "./review/unjudged.ts";
import { reviewApart, ReviewDied, type WholeAnswer } from "./review/whole.ts";

/** Two cores are for quota; a review takes one of them for seconds. */
const AT_ONCE = 1;
/** Some ten seconds of waiting: who comes later should come again. */
const WAITING_MAX = 16;
const RETRY_MS = 2_000;
/** What one call may take of the machine. Whatever goes beyond ends as a finding. */
const LIMITS: Partial<Limits> = { totalMs: 60_000, stallMs: 15_000, memoryMib: 1_024 };
const TOTAL_MS = 60_000;
/** An answer must fit into the 4 MiB that clients take at most, with a report beside it. */
const RESULT_LENGTH_MAX = 1_000_000;

export interface RunningReviewer extends Reviewer {
  /** Ends the reviews under way; their callers hear DRAINING. */
  close(): void;
  readonly turns: Pick<Turns, "running" | "waiting">;
}

export interface ReviewerOptions {
  readonly books: ReviewBooks;
  readonly now: () => number;
  /** Told of each review that was made. */
  readonly made?: (kind: ReviewRequest["kind"], verdict: string, durationMs: number) => void;
}

export function openReviewer({ books, now, made }: ReviewerOptions): RunningReviewer {
  const turns = createTurns(AT_ONCE, WAITING_MAX, RETRY_MS);
  const reviewer = createHash("sha256").update(engine()).digest("hex").slice(0, REVIEWER_DIGITS);
  const closing = new AbortController();
  return {
    turns,
    close: () => closing.abort(new Refusal("DRAINING", "this server is shutting down", {})),
    async review(request, caller, signal) {
      const today = shanghaiDay(now());
      const contentSha256 = hashOf(request.files.flatMap(({ path, content }) => [path, content]));
      const requestSha256 = hashOf([
        reviewer,
        today,
        request.kind,
        request.lockPolicy,
        contentSha256,
      ]);
      const known = await books.findByRequest(requestSha256);
      if (known !== undefined) return { review: known, replayed: true };
      const ending = AbortSignal.any([signal, closing.signal]);
      const startMs = performance.now();
      const make = async (): Promise<Reviewed> => {
        // Whoever waited may have waited for just this review.
        const first = await books.findByRequest(requestSha256);
        if (first !== undefined) return { review: first, replayed: true };
        const answer = await judge(request, today, ending);
        refuseUnfit(request, answer);
        const { result } = answer;
        made?.(request.kind, result.verdict, performance.now() - startMs);
        const hashes = { contentSha256, requestSha256, reviewer };
        return books.keep({ ...recordOf(request, result), ...hashes }, caller);
      };
      return turns.run(make, ending);
    },
  };
}

function recordOf({ kind, files, lockPolicy }: ReviewRequest, result: ReviewResult) {
  return {
    kind,
    subject: kind === "CODE" ? "" : files[0]!.path,
    verdict: result.verdict,
    lockPolicy,
    findingCount: result.findings.length,
    result: JSON.stringify(result),
  };
}

const REVIEWER_DIGITS = 16;

/** Each part with its length, so that no two lists of parts are one text. */
function hashOf(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}\n`).update(part);
  return hash.digest("hex");
}

async function judge(
  { files, lockPolicy }: ReviewRequest,
  today: string,
  signal: AbortSignal,
): Promise<WholeAnswer> {
  const policy = lockPolicy === "STRICT" ? "strict" : "semantic";
  try {
    const job = { files, lockPolicy: policy, today, limits: LIMITS } as const;
    return await reviewApart(job, { totalMs: TOTAL_MS, signal });
  } catch (error) {
    if (!(error instanceof ReviewDied)) throw error;
    // Whatever killed it is a finding, never a PASS; what the files hold, nobody knows.
    const result = unjudged(files, policy, "ended before it could answer");
    return { result, featureCount: files.length, pipelineCount: files.length };
  }
}

/** @throws BadField */
function refuseUnfit({ kind, files }: ReviewRequest, answer: WholeAnswer): void {
  const { result, featureCount, pipelineCount } = answer;
  const isJudged = result.filesNotAnalysed === 0;
  if (kind === "FEATURE" && isJudged && featureCount === 0) {
    refuse("document", "must hold the definition of a feature: feature_id, quota_cost and more");
  }
  if (kind === "PIPELINE" && isJudged && pipelineCount === 0) {
    refuse("document", "must hold a pipeline: steps, and on_failure, feature_id or pipeline_id");
  }
  if (JSON.stringify(result).length > RESULT_LENGTH_MAX) {
    const rule = `must have fewer faults: ${result.findings.length} findings are more than one answer holds`;
    refuse(kind === "CODE" && files.length > 1 ? "files" : "document", rule);
  }
}

function refuse(field: string, rule: string): never {
  throw new BadField([{ field, rule }]);
}
