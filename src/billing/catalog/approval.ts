/** Approvals: a second person's word on something that gives the business away. */
import type { ApprovalId, FeatureId, UserId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import { Refusal } from "../refusal.ts";

export type ApprovalKind = "ZERO_COST_FEATURE" | "QUOTA_ADJUSTMENT";
export type ApprovalState = "PENDING" | "APPROVED" | "REJECTED";

/** Names one version of a feature. */
export interface FeatureVersionRef {
  readonly featureId: FeatureId;
  /** From 1. */
  readonly version: number;
}

/** The terms of a lot that is given outside of a purchase. */
export interface QuotaAdjustment {
  readonly userId: UserId;
  readonly amount: QuotaUnits;
  /** The draw order: 0 first, 100 last. */
  readonly priority: number;
  /** Days that the lot lives, from the grant; 0 when it never lapses. */
  readonly validDays: number;
}

/** What is asked for. */
export type ApprovalMatter =
  | { readonly kind: "ZERO_COST_FEATURE"; readonly featureVersion: FeatureVersionRef }
  | { readonly kind: "QUOTA_ADJUSTMENT"; readonly adjustment: QuotaAdjustment };

export interface Approval {
  readonly approvalId: ApprovalId;
  readonly matter: ApprovalMatter;
  /** Why it is asked for. */
  readonly reason: string;
  readonly state: ApprovalState;
  /** The identity that asked: the one that can't decide. */
  readonly requestedBy: string;
  /** Null while it is pending. */
  readonly decidedBy: string | null;
  /** What the second person said; empty while it is pending. */
  readonly decisionNote: string;
  readonly createTimeMs: number;
  /** Null while it is pending. */
  readonly decideTimeMs: number | null;
}

/** What an approval counts for: `feature/<id>/<version>` or `user/<id>`. */
export function subjectOf(matter: ApprovalMatter): string {
  return matter.kind === "ZERO_COST_FEATURE"
    ? featureSubject(matter.featureVersion)
    : `user/${matter.adjustment.userId}`;
}

export function featureSubject({ featureId, version }: FeatureVersionRef): string {
  return `feature/${featureId}/${version}`;
}

export function approvalNotFound(approvalId: ApprovalId): Refusal {
  return new Refusal("APPROVAL_NOT_FOUND", "there is no such approval", { approvalId });
}
