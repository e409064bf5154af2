/** Approvals: a second person's word on something that gives the business away. */
import type { ApprovalId, CampaignId, FeatureId, UserId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import { Refusal } from "../refusal.ts";
import { offerSubject } from "./offer.ts";

export type ApprovalKind = "ZERO_COST_FEATURE" | "QUOTA_ADJUSTMENT" | "CAMPAIGN";
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

/** Names one version of a campaign. */
export interface CampaignVersionRef {
  readonly campaignId: CampaignId;
  /** From 1. */
  readonly version: number;
}

/** What is asked for. */
export type ApprovalMatter =
  | { readonly kind: "ZERO_COST_FEATURE"; readonly featureVersion: FeatureVersionRef }
  | { readonly kind: "QUOTA_ADJUSTMENT"; readonly adjustment: QuotaAdjustment }
  | { readonly kind: "CAMPAIGN"; readonly campaignVersion: CampaignVersionRef };

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

/** What an approval counts for: `feature/<id>/<version>`, `campaign/<id>/<version>` or `user/<id>`. */
export function subjectOf(matter: ApprovalMatter): string {
  switch (matter.kind) {
    case "ZERO_COST_FEATURE":
      return featureSubject(matter.featureVersion);
    case "CAMPAIGN": {
      const { campaignId: offerId, version } = matter.campaignVersion;
      return offerSubject("CAMPAIGN", { offerId, version });
    }
    case "QUOTA_ADJUSTMENT":
      return `user/${matter.adjustment.userId}`;
    default:
      return matter satisfies never;
  }
}

export function featureSubject({ featureId, version }: FeatureVersionRef): string {
  return `feature/${featureId}/${version}`;
}

export function approvalNotFound(approvalId: ApprovalId): Refusal {
  return new Refusal("APPROVAL_NOT_FOUND", "there is no such approval", { approvalId });
}
