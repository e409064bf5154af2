/** Findings as the rules make them, before places become lines. */
import type { Severity } from "../contract.ts";
import type { Place } from "../engine/value.ts";

export interface Step {
  readonly place: Place;
  readonly message: string;
}

export interface Complaint {
  readonly ruleId: string;
  readonly severity: Severity;
  readonly place: Place;
  readonly message: string;
  /** In place of the rule's own. */
  readonly remediation?: string;
  readonly steps: readonly Step[];
}
