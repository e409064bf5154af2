/** A whole review: code, feature definitions and pipelines, suppressions, baseline, verdict and checklist. */
import { applyBaseline, type GivenBaseline } from "./baseline.ts";
import type { Analysis, Finding, ReviewOptions, SourceFile } from "./contract.ts";
import { byPlace, isDocument, reviewDocuments, type DocumentOptions } from "./documents/index.ts";
import { analyse } from "./index.ts";
import { suppress, type SuppressedFinding } from "./suppress.ts";
import { checklistOf, verdictOf, type ChecklistItem, type Verdict } from "./verdict.ts";

export interface WholeReviewOptions extends ReviewOptions, DocumentOptions {
  /** The day of the review, as `2026-11-23`, by which suppressions end. */
  readonly today: string;
  readonly baseline?: GivenBaseline;
  /** Only findings that stand in these files, or whose way leads through them, are reported. */
  readonly changedPaths?: ReadonlySet<string>;
}

export interface ReviewResult {
  readonly verdict: Verdict;
  readonly lockPolicy: ReviewOptions["lockPolicy"];
  /** By path, then place, then rule. */
  readonly findings: readonly Finding[];
  /** What was let through, and why; in the same order. */
  readonly suppressed: readonly SuppressedFinding[];
  /** Seven items. */
  readonly checklist: readonly ChecklistItem[];
  /** Files of code, and files with feature definitions or pipelines in them. */
  readonly filesAnalysed: number;
  readonly filesNotAnalysed: number;
}

/** The same files and options give the same result. @throws the signal's reason when it is aborted */
export async function review(
  files: readonly SourceFile[],
  options: WholeReviewOptions,
): Promise<ReviewResult> {
  const code = files.filter(({ path }) => !isDocument(path));
  const documents = reviewDocuments(
    files.filter(({ path }) => isDocument(path)),
    options,
  );
  const nothing: Analysis = { findings: [], filesAnalysed: 0, filesNotAnalysed: 0, comments: [] };
  const analysis = code.length === 0 ? nothing : await analyse(code, options);
  const all = [...analysis.findings, ...documents.findings].toSorted(byPlace);
  const byComment = suppress(all, [...analysis.comments, ...documents.comments], options.today);
  const byBaseline =
    options.baseline === undefined
      ? { findings: byComment.findings, suppressed: [] }
      : applyBaseline(byComment.findings, options.baseline);
  const { changedPaths } = options;
  const isAsked = (finding: Finding): boolean =>
    changedPaths === undefined ||
    changedPaths.has(finding.path) ||
    finding.steps.some(({ path }) => changedPaths.has(path));
  const findings = byBaseline.findings.filter(isAsked).toSorted(byPlace);
  const suppressed = [...byComment.suppressed, ...byBaseline.suppressed]
    .filter(({ finding }) => isAsked(finding))
    .toSorted((a, b) => byPlace(a.finding, b.finding));
  const subjects = {
    codeFiles: analysis.filesAnalysed + analysis.filesNotAnalysed,
    features: documents.featureCount,
    pipelines: documents.pipelineCount,
  };
  return {
    verdict: verdictOf(findings, suppressed),
    lockPolicy: options.lockPolicy,
    findings,
    suppressed,
    checklist: checklistOf(findings, suppressed, subjects),
    filesAnalysed: analysis.filesAnalysed + documents.filesAnalysed,
    filesNotAnalysed: analysis.filesNotAnalysed + documents.filesNotAnalysed,
  };
}
