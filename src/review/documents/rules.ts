/** Every rule about feature definitions, pipelines and documents, in the form that rules about code have. */
import { FEATURE_RULES } from "../../billing/review/feature-rules.ts";
import { PIPELINE_RULES } from "../../billing/review/pipeline-rules.ts";
import type { RuleDescription, Severity } from "../contract.ts";

export const DOCUMENT_RULE_IDS = {
  membersOnly: "BG110",
  syntax: "BG301",
  duplicate: "BG302",
  value: "BG303",
  unknownField: "BG304",
  limit: "BG305",
} as const;

const RATE_LIMITS = 6;
const ZERO_COST = 4;
const MEMBERSHIP = 7;
/** BG101 and BG102 are about what is free; all other rules of a feature about cost and limits. */
const ABOUT_FREE = new Set(["BG101", "BG102"]);
/** They never refuse. */
const WARNINGS = new Set(["BG105", "BG106", "BG107", "BG108", "BG109"]);

const REASONS: Readonly<Record<string, string>> = {
  BG101: "Free features are used without end, while the vendor is paid for every use.",
  BG102: "Without a maximum one account can use a free feature a million times.",
  BG103: "Whoever may start costly work without limit can spend a month's margin in an hour.",
  BG104: "What takes less quota than it costs to run makes a loss with every use.",
  BG105: "A limit that nobody reaches stops nobody.",
  BG106: "Without a pause a script fires one costly task after the other.",
  BG107: "Without a plan a whitelist becomes a product that a few users get and nobody pays for.",
  BG108: "Reports and alarms go by high_cost, and miss what doesn't declare it.",
  BG109: "A limit that can't be reached isn't the one that was meant.",
  BG201: "The user has paid when the task began: without a refund a failed task is paid for.",
  BG202: "What goes on after a failure ends as a success, and a success isn't refunded.",
  BG203: "When the last try has failed the step has failed, and the user must get the quota back.",
  BG204: "What runs before the reservation runs for users who have no quota left.",
  BG205: "A refund under a condition, or of a part, leaves some users without what they paid.",
  BG206: "A step's own handler takes the place of the pipeline's, and of its refund.",
  BG207: "If a bad rating gives the quota back, every task is free for whoever rates badly.",
  BG208: "Each further try at a vendor that is down costs money, and the hold on the quota runs out.",
  BG209: "A step that runs another pipeline fails as that one does, and nobody knows how.",
};

export const DOCUMENT_RULES: readonly RuleDescription[] = [
  ...FEATURE_RULES.map(({ id, title, remediation }) =>
    describe(id, WARNINGS.has(id) ? "WARN" : "FAIL", ABOUT_FREE.has(id) ? ZERO_COST : RATE_LIMITS, {
      title,
      message: reasonOf(id),
      remediation,
    }),
  ),
  describe(DOCUMENT_RULE_IDS.membersOnly, "FAIL", MEMBERSHIP, {
    title: "Only members use a feature.",
    message: "Who is no member has paid nothing; whatever visitors may use is used up by scripts.",
    remediation: "Set access_scope to MEMBER, WHITELIST or INTERNAL; visitors get the trial membership.",
  }),
  ...PIPELINE_RULES.map(({ id, severity, title, remediation, checklistItem }) =>
    describe(id, severity, checklistItem, {
      title,
      message: reasonOf(id),
      remediation,
    }),
  ),
  describe(DOCUMENT_RULE_IDS.syntax, "NOT_ANALYSED", RATE_LIMITS, {
    title: "Feature definitions and pipelines are valid YAML or JSON.",
    message: "What can't be read can't be judged.",
    remediation: "Correct the syntax at this place.",
  }),
  describe(DOCUMENT_RULE_IDS.duplicate, "FAIL", RATE_LIMITS, {
    title: "No field stands twice.",
    message: "Readers differ in which one they take: the reviewed value may not be the one that runs.",
    remediation: "Remove one of the two.",
  }),
  describe(DOCUMENT_RULE_IDS.value, "FAIL", RATE_LIMITS, {
    title: "Every field has a value of its type and range, and the required ones are there.",
    message: "A value that the platform can't read is refused, or taken for another one.",
    remediation: "Write the value as docs/review.md describes it.",
  }),
  describe(DOCUMENT_RULE_IDS.unknownField, "WARN", RATE_LIMITS, {
    title: "Every field is a known one.",
    message: "A misspelt field is ignored, and the limit or the refund that it was meant to set is missing.",
    remediation: "Correct the name, or remove the field; own data goes below metadata or a name with x_.",
  }),
  describe(DOCUMENT_RULE_IDS.limit, "NOT_ANALYSED", RATE_LIMITS, {
    title: "Documents keep to the limits of the reviewer.",
    message: "What is larger or deeper than anybody writes by hand isn't unfolded, and so isn't judged.",
    remediation: "Split the file, or write out what its aliases repeat.",
  }),
];

/** Why breaking a rule of src/billing/review loses money. */
function reasonOf(id: string): string {
  const reason = REASONS[id];
  if (reason === undefined) throw new Error(`the rule ${id} has no reason`);
  return reason;
}

const BY_ID: ReadonlyMap<string, RuleDescription> = new Map(DOCUMENT_RULES.map((rule) => [rule.id, rule]));

/** @throws Error when there is no such rule: a bug */
export function documentRule(id: string): RuleDescription {
  const rule = BY_ID.get(id);
  if (rule === undefined) throw new Error(`there is no rule ${id}`);
  return rule;
}

function describe(
  id: string,
  severity: Severity,
  checklistItem: number,
  words: Pick<RuleDescription, "title" | "message" | "remediation">,
): RuleDescription {
  return { id, severity, checklistItem, docs: `docs/rules/${id}.md`, ...words };
}
