/** The review of files that ended whoever read them: nothing of them is judged, and that is said. */
import type { SourceFile } from "./contract.ts";
import { isDocument } from "./documents/index.ts";
import { refuse } from "./index.ts";
import type { ReviewResult } from "./review.ts";
import { checklistOf, verdictOf } from "./verdict.ts";

/** @param why completes the sentence "the reviewer …" */
export function unjudged(
  files: readonly SourceFile[],
  lockPolicy: ReviewResult["lockPolicy"],
  why: string,
): ReviewResult {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const findings = sorted.map((file) => refuse(file, `the reviewer ${why}`));
  const documents = files.filter(({ path }) => isDocument(path)).length;
  const subjects = {
    codeFiles: files.length - documents,
    features: documents,
    pipelines: documents,
  };
  return {
    verdict: verdictOf(findings, []),
    lockPolicy,
    findings,
    suppressed: [],
    checklist: checklistOf(findings, [], subjects),
    filesAnalysed: 0,
    filesNotAnalysed: files.length,
  };
}
