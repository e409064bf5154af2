/** Reviews as the contract shows them. */
import {
  CATALOGUE_REVIEWER,
  type CatalogueReviewResult,
} from "../billing/review/catalogue-review.ts";
import type { PlacedFinding } from "../billing/catalog/pipeline.ts";
import type { ReviewSummary, StoredReview } from "../billing/review/review.ts";
import * as wire from "../gen/billing/review/v1/review.ts";
import type { Reports, ReportForms } from "../gen/billing/review/v1/review_service.ts";
import { ALL_RULES } from "../review/catalogue.ts";
import { packageVersion } from "../review/cli/package-files.ts";
import type { Finding, FlowStep, Range } from "../review/contract.ts";
import { jsonReport, sarifReport } from "../review/report/index.ts";
import type { ReviewResult } from "../review/review.ts";
import type { SuppressedFinding } from "../review/suppress.ts";

/** A review of the catalogue's own has no files and no reports. */
function isOfCatalogue({ reviewer }: StoredReview): boolean {
  return reviewer === CATALOGUE_REVIEWER;
}

export function review(shown: StoredReview): wire.Review {
  const { reviewId, kind, subject, verdict, lockPolicy } = shown;
  const found = isOfCatalogue(shown) ? foundInCatalogue(shown) : foundInFiles(shown);
  return {
    reviewId,
    kind: wire.ReviewKind[kind],
    subject,
    verdict: wire.Verdict[verdict],
    lockPolicy: wire.LockPolicy[lockPolicy],
    ...found,
    contentSha256: shown.contentSha256,
    reviewer: shown.reviewer,
    caller: shown.caller,
    createTime: new Date(shown.createTimeMs),
  };
}

function foundInFiles({ result }: StoredReview) {
  const { findings, suppressed, checklist, filesAnalysed, filesNotAnalysed } = resultOf(result);
  return {
    findings: findings.map((found) => finding(found)),
    suppressed: suppressed.map(hushed),
    checklist: checklist.map((item) => ({ ...item, fingerprints: [...item.fingerprints] })),
    filesAnalysed,
    filesNotAnalysed,
  };
}

function foundInCatalogue({ result, subject }: StoredReview) {
  const { findings } = JSON.parse(result) as CatalogueReviewResult;
  return {
    findings: findings.map((found) => ({
      ruleId: found.ruleId,
      severity: wire.Severity[found.severity],
      path: subject,
      ...("line" in found ? lineOf(found) : NOWHERE),
      message: found.message,
      remediation: found.remediation,
      steps: [],
      fingerprint: "",
      suppression: undefined,
      field: "field" in found ? found.field : "",
    })),
    suppressed: [],
    checklist: [],
    filesAnalysed: 0,
    filesNotAnalysed: 0,
  };
}

const NOWHERE = { startLine: 0, startColumn: 0, endLine: 0, endColumn: 0 };

function lineOf({ line, column, endLine, endColumn }: PlacedFinding) {
  return { startLine: line, startColumn: column, endLine, endColumn };
}

function resultOf(result: string): ReviewResult {
  return JSON.parse(result) as ReviewResult;
}

function finding(found: Finding, suppression?: wire.Suppression): wire.Finding {
  return {
    ruleId: found.ruleId,
    severity: wire.Severity[found.severity],
    path: found.path,
    ...placeOf(found.range),
    message: found.message,
    remediation: found.remediation,
    steps: found.steps.map(step),
    fingerprint: found.fingerprint,
    suppression,
    field: "",
  };
}

function hushed({ finding: found, suppression }: SuppressedFinding): wire.Finding {
  const { reason, owner, expires } = suppression;
  return finding(found, { reason, owner, expires });
}

function step({ path, range, message }: FlowStep): wire.FlowStep {
  return { path, ...placeOf(range), message };
}

function placeOf({ start, end }: Range) {
  return {
    startLine: start.line,
    startColumn: start.column,
    endLine: end.line,
    endColumn: end.column,
  };
}

/** The same bytes as the command writes. */
export function reports(shown: StoredReview, forms: ReportForms | undefined): Reports {
  if (isOfCatalogue(shown)) return { json: "", sarif: "" };
  const result = resultOf(shown.result);
  return {
    json: forms?.json ? jsonReport(result) : "",
    sarif: forms?.sarif ? sarifReport(result, { version: packageVersion() }) : "",
  };
}

export function summary(shown: ReviewSummary): wire.ReviewSummary {
  return {
    reviewId: shown.reviewId,
    kind: wire.ReviewKind[shown.kind],
    subject: shown.subject,
    verdict: wire.Verdict[shown.verdict],
    findingCount: shown.findingCount,
    contentSha256: shown.contentSha256,
    caller: shown.caller,
    createTime: new Date(shown.createTimeMs),
  };
}

export function rules(): wire.Rule[] {
  return ALL_RULES.map(({ id, severity, checklistItem, ...words }) => ({
    ruleId: id,
    severity: wire.Severity[severity],
    title: words.title,
    message: words.message,
    remediation: words.remediation,
    checklistItem,
    docs: words.docs,
  }));
}
