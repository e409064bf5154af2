/** Findings and comments made by hand, for tests of what is built on them. */
import type { Finding, Position, Range, Severity, SuppressionComment } from "../../src/review/contract.ts";
import type { ReviewResult } from "../../src/review/review.ts";
import { checklistOf, verdictOf } from "../../src/review/verdict.ts";

const at = (line: number, column: number): Position => ({ line, column, offset: line * 1_000 + column });

export const rangeAt = (line: number, column = 3, length = 5): Range => ({
  start: at(line, column),
  end: at(line, column + length),
});

export function finding(
  ruleId: string,
  severity: Severity,
  line = 4,
  change: Partial<Finding> = {},
): Finding {
  const range = rangeAt(line);
  const path = change.path ?? "src/quota.ts";
  const message = `${ruleId} is broken at line ${line}`;
  return {
    ruleId,
    severity,
    path,
    range,
    message,
    remediation: `Mend ${ruleId}.`,
    steps: [{ path, range, message }],
    fingerprint: `${ruleId.slice(2)}${String(line).padStart(5, "0")}`.padEnd(32, "a"),
    ...change,
  };
}

export function comment(text: string, line: number, path = "src/quota.ts"): SuppressionComment {
  return { path, range: rangeAt(line, 1, text.length), text };
}

export function resultOf(
  findings: readonly Finding[],
  suppressed: ReviewResult["suppressed"] = [],
): ReviewResult {
  const subjects = { codeFiles: 1, features: 1, pipelines: 1 };
  return {
    verdict: verdictOf(findings, suppressed),
    lockPolicy: "semantic",
    findings,
    suppressed,
    checklist: checklistOf(findings, suppressed, subjects),
    filesAnalysed: 3,
    filesNotAnalysed: 0,
  };
}
