/** Requests of ReviewService as requests of the domain. */
import type { ReviewId } from "../billing/id.ts";
import type {
  LockPolicy as DomainLockPolicy,
  ReviewedFile,
  ReviewFilter,
  ReviewKind as DomainReviewKind,
} from "../billing/review/review.ts";
import type { SourceFile } from "../gen/billing/review/v1/review.ts";
import type { ListReviewsRequest } from "../gen/billing/review/v1/review_service.ts";
import { LOCK_POLICIES, REVIEW_KINDS, VERDICTS } from "./enums.ts";
import { FieldCheck, ifGiven } from "./field.ts";
import type { ListRequest } from "./list-quota.ts";
import { readPage, type ListKey } from "./page-token.ts";
import type { TextRule } from "./text-rule.ts";

/** As review.proto states them. */
const FILES_MAX = 2_000;
const CONTENT_LENGTH_MAX = 1_500_000;
const PATH: TextRule = { min: 1, max: 512 };
const PATH_RULE = "must be relative, with forward slashes, without empty parts, `.` and `..`";
const DOCUMENT = /\.(?:ya?ml|json)$/i;

export function readFiles(check: FieldCheck, files: readonly SourceFile[]): ReviewedFile[] {
  if (files.length === 0 || files.length > FILES_MAX) {
    const rule = files.length === 0 ? "is required" : "has too many files";
    check.refuse("files", `${rule}: 1 to ${FILES_MAX}`);
    return [];
  }
  const seen = new Set<string>();
  return files.map((file, at) => {
    const field = `files[${at}]`;
    if (seen.has(file.path) && file.path !== "") check.refuse(`${field}.path`, "must be unique");
    seen.add(file.path);
    return readFile(check, field, file);
  });
}

function readFile(check: FieldCheck, field: string, { path, content }: SourceFile): ReviewedFile {
  check.text(`${field}.path`, path, PATH);
  const isRelative = path
    .split("/")
    .every((part) => part !== "" && part !== "." && part !== ".." && !part.includes("\\"));
  if (path !== "" && !isRelative) check.refuse(`${field}.path`, PATH_RULE);
  if (content.length > CONTENT_LENGTH_MAX) {
    check.refuse(`${field}.content`, `must have at most ${CONTENT_LENGTH_MAX} characters`);
  }
  return { path, content };
}

/** A feature definition or a pipeline. */
export function readDocument(check: FieldCheck, document: SourceFile | undefined): ReviewedFile[] {
  if (document === undefined) {
    check.refuse("document", "is required");
    return [];
  }
  const file = readFile(check, "document", document);
  if (file.path !== "" && !DOCUMENT.test(file.path)) {
    check.refuse("document.path", "must end in .yaml, .yml or .json");
  }
  return [file];
}

export function readLockPolicy(check: FieldCheck, policy: number): DomainLockPolicy {
  return check.optionalOneOf("lock_policy", LOCK_POLICIES, policy) ?? "SEMANTIC";
}

const REVIEWS: ListKey<{ readonly reviewId: ReviewId }> = {
  list: "ListReviews",
  write: ({ reviewId }) => [reviewId],
  read: ([reviewId]) => (reviewId === undefined ? undefined : { reviewId: reviewId as ReviewId }),
};

export function parseListReviews(
  request: ListReviewsRequest,
): ListRequest<ReviewFilter, { readonly reviewId: ReviewId }> {
  const check = new FieldCheck();
  const kind: DomainReviewKind | null = check.optionalOneOf("kind", REVIEW_KINDS, request.kind);
  const filter = {
    kind,
    verdict: check.optionalOneOf("verdict", VERDICTS, request.verdict),
    subject: ifGiven(request.subject, (subject) => check.text("subject", subject, PATH)),
  };
  const paging = readPage(check, request, REVIEWS, filter);
  check.done();
  return { filter, paging };
}
