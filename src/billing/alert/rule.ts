/** What a rule of alerts is: its words, its parameters, and how it judges. */
import type { AlertFacts } from "./facts.ts";

export type RuleId = `AL${number}`;
export type AlertSeverity = "WARNING" | "CRITICAL";

/** In what `observed` and `limit` are counted. */
export type AlertUnit = "QUOTA_UNITS" | "MICRO_YUAN" | "PER_MILLE" | "SECONDS";

/** Something that a rule sees. */
export interface Sighting {
  /** Whose it is, such as `user:alice`. */
  readonly subject: string;
  /** The day or month that it belongs to; null for what lasts until it is over, however long. */
  readonly period: string | null;
  /** The rule's own where it is absent. */
  readonly severity?: AlertSeverity;
  readonly observed: bigint;
  readonly limit: bigint;
}

export interface Words {
  readonly en: string;
  readonly zh: string;
}

/** A whole number that changes what a rule calls usual. */
export interface ParameterRule {
  readonly preset: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly about: string;
}

export type Parameters = Readonly<Record<string, bigint>>;

export interface AlertRule {
  readonly ruleId: RuleId;
  readonly severity: AlertSeverity;
  readonly unit: AlertUnit;
  readonly title: Words;
  /** What has happened when it fires. */
  readonly says: Words;
  /** What to do then. */
  readonly remedy: Words;
  readonly parameters: Readonly<Record<string, ParameterRule>>;
  /** What it sees; undefined when its facts are missing. Every parameter is there. */
  judge(facts: AlertFacts, parameters: Values): readonly Sighting[] | undefined;
}

/** The parameters that hold. */
export type Values = (name: string) => bigint;

export const parameter = (
  preset: number,
  min: number,
  max: number,
  about: string,
): ParameterRule => ({ preset: BigInt(preset), min: BigInt(min), max: BigInt(max), about });

/** Parameters that all comparisons with a history have. */
export const SPREAD = {
  deviations_per_mille: parameter(
    6_000,
    1_000,
    100_000,
    "standard deviations above the median that are usual, in thousandths",
  ),
  margin_per_mille: parameter(
    1_500,
    0,
    100_000,
    "share of the median above it that is always usual, in thousandths",
  ),
  days_min: parameter(7, 3, 28, "days that a history needs before it is compared with"),
} as const;

export function spreadOf(values: Values) {
  return {
    deviationsPerMille: values("deviations_per_mille"),
    marginPerMille: values("margin_per_mille"),
    floor: values("floor"),
  };
}
