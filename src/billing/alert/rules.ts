/** All rules, and what they see together. */
import { assert } from "../refusal.ts";
import type { AlertFacts } from "./facts.ts";
import type { AlertRule, AlertSeverity, AlertUnit, Parameters, RuleId, Sighting } from "./rule.ts";
import * as health from "./rules-health.ts";
import * as use from "./rules-use.ts";

export const RULES: readonly AlertRule[] = [
  use.BUDGET,
  use.USER_HISTORY,
  use.USER_PEERS,
  use.FEATURE_USE,
  health.REFUND_STORM,
  health.RESERVE_REFUSALS,
  use.VENDOR_COST,
  use.NEGATIVE_MARGIN,
  health.CALLBACK_FAILURES,
  health.CERTIFICATE_EXPIRY,
  health.QUEUE_LAG,
  health.SWEEPER_LAG,
  health.RECONCILIATION_BREAKS,
];

const BY_ID = new Map<string, AlertRule>(RULES.map((rule) => [rule.ruleId, rule]));

export function findRule(ruleId: string): AlertRule | undefined {
  return BY_ID.get(ruleId);
}

/** How a rule is set; each change is a new version. */
export interface RuleSetting {
  readonly ruleId: RuleId;
  /** From 1; 0: as we ship it. */
  readonly version: number;
  readonly enabled: boolean;
  /** Every parameter of the rule. */
  readonly parameters: Parameters;
  readonly caller: string;
  readonly createTimeMs: number;
}

/** A rule as it is shipped. */
export function presetOf({ ruleId, parameters }: AlertRule): RuleSetting {
  const presets = Object.entries(parameters).map(([name, { preset }]) => [name, preset] as const);
  const values = Object.fromEntries(presets);
  return { ruleId, version: 0, enabled: true, parameters: values, caller: "", createTimeMs: 0 };
}

/** What a rule sees, with its own words. */
export interface Seen extends Sighting {
  readonly ruleId: RuleId;
  readonly severity: AlertSeverity;
  readonly unit: AlertUnit;
}

export interface Verdict {
  readonly seen: readonly Seen[];
  /** Rules that had their facts, or are switched off: what they don't see isn't there. */
  readonly judged: ReadonlySet<RuleId>;
}

/** @param settings the newest of each rule; rules without one are as shipped */
export function judgeAll(facts: AlertFacts, settings: ReadonlyMap<string, RuleSetting>): Verdict {
  const judged = new Set<RuleId>();
  const seen: Seen[] = [];
  for (const rule of RULES) {
    const { enabled, parameters } = settings.get(rule.ruleId) ?? presetOf(rule);
    const values = (name: string) => {
      // A parameter that came after the setting was made is as shipped.
      const value = parameters[name] ?? rule.parameters[name]?.preset;
      assert(value !== undefined, `${rule.ruleId} has a parameter ${name}`);
      return value;
    };
    const sightings = enabled ? rule.judge(facts, values) : [];
    if (sightings === undefined) continue;
    judged.add(rule.ruleId);
    for (const sighting of sightings) {
      const { ruleId, severity, unit } = rule;
      seen.push({ ruleId, unit, ...sighting, severity: sighting.severity ?? severity });
    }
  }
  return { seen, judged };
}
