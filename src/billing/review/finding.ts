/** What a reviewer has to say: a finding for each broken rule, and the verdict over all of them. */

/** FAIL must be mended first; WARN should be. */
export type Severity = "FAIL" | "WARN";

export type Verdict = "PASS" | "PASS_WITH_WARNING" | "FAIL";

export interface Finding {
  /** The rule that is broken, such as `BG101`; an id never changes its meaning. */
  readonly ruleId: string;
  readonly severity: Severity;
  /** The field that it is about, as in the proto. */
  readonly field: string;
  /** What is wrong, with the numbers that say so. */
  readonly message: string;
  /** How to make it right. */
  readonly remediation: string;
}

export function verdictOf(findings: readonly Finding[]): Verdict {
  if (findings.some(({ severity }) => severity === "FAIL")) return "FAIL";
  return findings.length > 0 ? "PASS_WITH_WARNING" : "PASS";
}
