/**
 * The rules about suppressions and baselines: what is let through is let through for a reason, and not for
 * ever.
 */
import type { RuleDescription } from "./contract.ts";

export const SUPPRESSION_RULE_IDS = {
  incomplete: "BG901",
  expired: "BG902",
  unused: "BG903",
  tooLong: "BG904",
  stale: "BG905",
} as const;

/** They belong to no item of the checklist. */
const NO_ITEM = 0;

export const SUPPRESSION_RULES: readonly RuleDescription[] = [
  rule(SUPPRESSION_RULE_IDS.incomplete, {
    title: "A suppression names its rules, a reason, an owner and the day on which it ends.",
    message: "What is let through without a reason is never looked at again.",
    remediation:
      'Write billing-review-disable-next-line BG001 reason="…" owner="…" expires="2027-01-31". ' +
      "It suppresses nothing until then.",
  }),
  rule(SUPPRESSION_RULE_IDS.expired, {
    title: "No suppression is past its day.",
    message: "The time that was asked for is over, and the fault is still there.",
    remediation: "Mend the fault, or give the suppression a new day and a reason for it.",
  }),
  rule(SUPPRESSION_RULE_IDS.unused, {
    title: "Every suppression suppresses something.",
    message: "The fault is gone; the comment would hide the next one at this place.",
    remediation: "Remove the comment, or the rule that isn't found here from its list.",
  }),
  rule(SUPPRESSION_RULE_IDS.tooLong, {
    title: "A suppression ends within a year.",
    message: "A day far off is no day: nobody will look at it again.",
    remediation: "Choose a day within 366 days. It suppresses nothing until then.",
  }),
  rule(SUPPRESSION_RULE_IDS.stale, {
    title: "A baseline holds only what is still there.",
    message: "An entry for a fault that is gone would hide the same fault when it comes back.",
    remediation: "Write the baseline anew with --write-baseline: it gets shorter.",
  }),
];

function rule(
  id: string,
  words: Pick<RuleDescription, "title" | "message" | "remediation">,
): RuleDescription {
  return { id, severity: "WARN", checklistItem: NO_ITEM, docs: `docs/rules/${id}.md`, ...words };
}
