/** All rules of the reviewer: about code, features, pipelines and offers, and about the review itself. */
import type { RuleDescription } from "./contract.ts";
import { DOCUMENT_RULES } from "./documents/rules.ts";
import { OFFER_RULE_DESCRIPTIONS } from "./offer-rules.ts";
import { RULES } from "./rules.ts";
import { SUPPRESSION_RULES } from "./suppression-rules.ts";

/** By id. */
export const ALL_RULES: readonly RuleDescription[] = [
  ...RULES,
  ...DOCUMENT_RULES,
  ...OFFER_RULE_DESCRIPTIONS,
  ...SUPPRESSION_RULES,
].toSorted((a, b) => (a.id < b.id ? -1 : 1));

const BY_ID: ReadonlyMap<string, RuleDescription> = new Map(ALL_RULES.map((rule) => [rule.id, rule]));

export function ruleById(id: string): RuleDescription | undefined {
  return BY_ID.get(id);
}
