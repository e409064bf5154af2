/** Features: what a use costs, who may use it, and how often. Versions are immutable. */
import type { FeatureId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";

export type FeatureState = "DRAFT" | "PUBLISHED" | "SUPERSEDED" | "RETIRED";
/** MEMBER: every member. WHITELIST and INTERNAL: members on the feature's list. */
export type AccessScope = "MEMBER" | "WHITELIST" | "INTERNAL";

/** How often one user may use a feature. 0 means no such limit. */
export interface RateLimitPolicy {
  /** Uses within any 3600 seconds. */
  readonly maxPerHour: number;
  /** Uses within any 86400 seconds. */
  readonly maxPerDay: number;
  /** Seconds from the start of one reservation to the next. */
  readonly cooldownSeconds: number;
  /** Open holds at one time. */
  readonly maxInFlight: number;
}

/** The terms of a version: what its author writes and nobody changes. */
export interface FeatureTerms {
  readonly featureId: FeatureId;
  readonly displayName: string;
  /** Quota units for one use. */
  readonly quotaCost: QuotaUnits;
  readonly highCost: boolean;
  /** What it works on: `image`, `video`, `text`, … */
  readonly category: string;
  readonly accessScope: AccessScope;
  /** Null: no limit at all. */
  readonly rateLimitPolicy: RateLimitPolicy | null;
  /** When and how a whitelisted feature will be opened to all; empty if not said. */
  readonly launchPlan: string;
}

export interface Feature extends FeatureTerms {
  /** Counts the feature's versions from 1. */
  readonly version: number;
  readonly state: FeatureState;
  readonly createTimeMs: number;
  readonly publishTimeMs: number | null;
  readonly createdBy: string;
}

/** The catalogue as decisions see it: the versions in force. */
export interface PublishedFeatures {
  /** The version in force; "unpublished" when there are versions but none is in force. */
  find(featureId: FeatureId): Feature | "unpublished" | undefined;
}

/** True when uses have to be counted before another one is allowed. */
export function isLimited(feature: Feature): boolean {
  const policy = feature.rateLimitPolicy;
  return (
    policy !== null &&
    (policy.maxPerHour > 0 ||
      policy.maxPerDay > 0 ||
      policy.cooldownSeconds > 0 ||
      policy.maxInFlight > 0)
  );
}
