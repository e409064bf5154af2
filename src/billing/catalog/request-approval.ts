/** RequestApproval: asks for a second person's word. */
import type { ApprovalId } from "../id.ts";
import { userNotFound } from "../quota/check-quota.ts";
import { approvalAnswers, storeApproval, type ApprovalAnswer } from "./answers.ts";
import { subjectOf, type Approval, type ApprovalMatter } from "./approval.ts";
import type { CatalogDesk, CatalogNeeds, CatalogUseCase } from "./desk.ts";
import { offerNotFound, offerStateInvalid } from "./offer-changes.ts";
import { featureNotFound, stateInvalid } from "./publish-feature.ts";

export interface RequestApproval {
  readonly matter: ApprovalMatter;
  /** Why it is asked for. */
  readonly reason: string;
}

/**
 * Refused as FEATURE_NOT_FOUND or OFFER_NOT_FOUND, FEATURE_STATE_INVALID or OFFER_STATE_INVALID when the
 * version is no draft any more, USER_NOT_FOUND.
 */
export const requestApproval: CatalogUseCase<RequestApproval, ApprovalAnswer> = {
  method: "RequestApproval",
  needs: ({ matter }) => needsOf(matter),
  content: ({ matter, reason }) => ({
    "approval.kind": matter.kind,
    ...matterContent(matter),
    "approval.reason": reason,
    ...campaignContent(matter),
  }),
  decide(desk, { matter, reason }) {
    refuseUnknown(desk, matter);
    const approval: Approval = {
      approvalId: desk.newId("apr") as ApprovalId,
      matter,
      reason,
      state: "PENDING",
      requestedBy: desk.caller.name,
      decidedBy: null,
      decisionNote: "",
      createTimeMs: desk.nowMs,
      decideTimeMs: null,
    };
    const note = {
      action: "RequestApproval",
      subject: subjectOf(matter),
      before: null,
      after: storeApproval(approval),
      reason,
    };
    return { writes: { approvals: [approval], notes: [note] }, answer: { approval } };
  },
  answers: approvalAnswers,
};

function needsOf(matter: ApprovalMatter): CatalogNeeds {
  switch (matter.kind) {
    case "ZERO_COST_FEATURE":
      return matter.featureVersion;
    case "CAMPAIGN": {
      const { campaignId: offerId, version } = matter.campaignVersion;
      return { offer: { kind: "CAMPAIGN", offerId, version } };
    }
    case "QUOTA_ADJUSTMENT":
      return { userId: matter.adjustment.userId };
    default:
      return matter satisfies never;
  }
}

function refuseUnknown({ file, offer, knowsUser }: CatalogDesk, matter: ApprovalMatter): void {
  if (matter.kind === "CAMPAIGN") {
    if (offer?.named === undefined) throw offerNotFound(matter.campaignVersion.campaignId);
    if (offer.named.state !== "DRAFT") throw offerStateInvalid(offer.named);
    return;
  }
  if (matter.kind === "QUOTA_ADJUSTMENT") {
    if (!knowsUser) throw userNotFound(matter.adjustment.userId);
    return;
  }
  const version = file?.named;
  if (version === undefined) throw featureNotFound(matter.featureVersion.featureId);
  if (version.state !== "DRAFT") throw stateInvalid(version);
}

function matterContent(matter: ApprovalMatter): Record<string, string> {
  const version = matter.kind === "ZERO_COST_FEATURE" ? matter.featureVersion : undefined;
  const adjustment = matter.kind === "QUOTA_ADJUSTMENT" ? matter.adjustment : undefined;
  return {
    "approval.feature_version.feature_id": version?.featureId ?? "",
    "approval.feature_version.version": String(version?.version ?? ""),
    "approval.adjustment.user_id": adjustment?.userId ?? "",
    "approval.adjustment.amount": String(adjustment?.amount ?? ""),
    "approval.adjustment.priority": String(adjustment?.priority ?? ""),
    "approval.adjustment.valid_days": String(adjustment?.validDays ?? ""),
  };
}

/** After all others, since it came later: what was stored before has not got it. */
function campaignContent(matter: ApprovalMatter): Record<string, string> {
  const campaign = matter.kind === "CAMPAIGN" ? matter.campaignVersion : undefined;
  return {
    "approval.campaign_version.campaign_id": campaign?.campaignId ?? "",
    "approval.campaign_version.version": String(campaign?.version ?? ""),
  };
}
