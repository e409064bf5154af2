/**
 * A review as JSON. The fields are a contract, described in docs/review.md: none changes its meaning or
 * goes away.
 */
import type { Finding, Position, Range } from "../contract.ts";
import type { ReviewResult } from "../review.ts";

/** Grows when a field is added; a reader of version 1 can read all of them. */
const SCHEMA_VERSION = 1;

export function jsonReport(result: ReviewResult): string {
  const { verdict, lockPolicy, checklist, findings, suppressed } = result;
  const report = {
    schema_version: SCHEMA_VERSION,
    verdict,
    lock_policy: lockPolicy,
    files_analysed: result.filesAnalysed,
    files_not_analysed: result.filesNotAnalysed,
    checklist: checklist.map((item) => ({
      item: item.item,
      question: item.question,
      question_zh: item.questionZh,
      status: item.status,
      fingerprints: item.fingerprints,
    })),
    findings: findings.map(findingOf),
    suppressed: suppressed.map(({ finding, suppression }) => ({
      ...findingOf(finding),
      suppression: { ...suppression },
    })),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function findingOf(finding: Finding) {
  return {
    rule_id: finding.ruleId,
    severity: finding.severity,
    path: finding.path,
    range: rangeOf(finding.range),
    message: finding.message,
    remediation: finding.remediation,
    steps: finding.steps.map(({ path, range, message }) => ({ path, range: rangeOf(range), message })),
    fingerprint: finding.fingerprint,
  };
}

function rangeOf({ start, end }: Range) {
  const position = ({ line, column }: Position) => ({ line, column });
  return { start: position(start), end: position(end) };
}
