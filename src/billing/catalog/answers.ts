/**
 * Features and approvals as they are kept with an idempotency key and in the audit trail: JSON in
 * which amounts are numbers. AMOUNT_MAX keeps them exact.
 */
import type { ReviewId } from "../id.ts";
import type { Finding } from "../review/finding.ts";
import type { Approval, ApprovalMatter, QuotaAdjustment } from "./approval.ts";
import type { Feature } from "./feature.ts";

type StoredFeature = Omit<Feature, "quotaCost"> & { readonly quotaCost: number };

export function storeFeature(feature: Feature): StoredFeature {
  return { ...feature, quotaCost: Number(feature.quotaCost) };
}

function readFeature(stored: StoredFeature): Feature {
  return { ...stored, quotaCost: BigInt(stored.quotaCost) };
}

type StoredMatter =
  | Exclude<ApprovalMatter, { kind: "QUOTA_ADJUSTMENT" }>
  | {
      readonly kind: "QUOTA_ADJUSTMENT";
      readonly adjustment: Omit<QuotaAdjustment, "amount"> & { readonly amount: number };
    };
type StoredApproval = Omit<Approval, "matter"> & { readonly matter: StoredMatter };

export function storeApproval(approval: Approval): StoredApproval {
  const { matter } = approval;
  if (matter.kind !== "QUOTA_ADJUSTMENT") return { ...approval, matter };
  const adjustment = { ...matter.adjustment, amount: Number(matter.adjustment.amount) };
  return { ...approval, matter: { ...matter, adjustment } };
}

function readApproval(stored: StoredApproval): Approval {
  const { matter } = stored;
  if (matter.kind !== "QUOTA_ADJUSTMENT") return { ...stored, matter };
  const adjustment = { ...matter.adjustment, amount: BigInt(matter.adjustment.amount) };
  return { ...stored, matter: { ...matter, adjustment } };
}

/** A version, and what the reviewer has to say to it. */
export interface ReviewedFeatureAnswer {
  readonly feature: Feature;
  readonly findings: readonly Finding[];
}

export const reviewedFeatureAnswers = {
  write: ({ feature, findings }: ReviewedFeatureAnswer): string =>
    JSON.stringify([storeFeature(feature), findings]),
  read: (text: string): ReviewedFeatureAnswer => {
    const [feature, findings] = JSON.parse(text);
    return { feature: readFeature(feature), findings };
  },
};

/** A version in force, and the review with which it was published. */
export interface PublishedFeatureAnswer extends ReviewedFeatureAnswer {
  /** Empty for versions that were published before reviews were kept. */
  readonly reviewId: ReviewId | "";
}

export const publishedFeatureAnswers = {
  write: ({ feature, findings, reviewId }: PublishedFeatureAnswer): string =>
    JSON.stringify([storeFeature(feature), findings, reviewId]),
  read: (text: string): PublishedFeatureAnswer => {
    const [feature, findings, reviewId = ""] = JSON.parse(text);
    return { feature: readFeature(feature), findings, reviewId };
  },
};

export interface FeatureAnswer {
  readonly feature: Feature;
}

export const featureAnswers = {
  write: ({ feature }: FeatureAnswer): string => JSON.stringify(storeFeature(feature)),
  read: (text: string): FeatureAnswer => ({ feature: readFeature(JSON.parse(text)) }),
};

export interface ApprovalAnswer {
  readonly approval: Approval;
}

export const approvalAnswers = {
  write: ({ approval }: ApprovalAnswer): string => JSON.stringify(storeApproval(approval)),
  read: (text: string): ApprovalAnswer => ({ approval: readApproval(JSON.parse(text)) }),
};
