/** RequestApproval: asks for a second person's word. */
import type { ApprovalId } from "../id.ts";
import { userNotFound } from "../quota/check-quota.ts";
import { approvalAnswers, storeApproval, type ApprovalAnswer } from "./answers.ts";
import { subjectOf, type Approval, type ApprovalMatter } from "./approval.ts";
import type { CatalogDesk, CatalogUseCase } from "./desk.ts";
import { featureNotFound, stateInvalid } from "./publish-feature.ts";

export interface RequestApproval {
  readonly matter: ApprovalMatter;
  /** Why it is asked for. */
  readonly reason: string;
}

/**
 * Refused as FEATURE_NOT_FOUND, FEATURE_STATE_INVALID when the version is no draft any more,
 * USER_NOT_FOUND.
 */
export const requestApproval: CatalogUseCase<RequestApproval, ApprovalAnswer> = {
  method: "RequestApproval",
  needs: ({ matter }) =>
    matter.kind === "ZERO_COST_FEATURE"
      ? matter.featureVersion
      : { userId: matter.adjustment.userId },
  content: ({ matter, reason }) => ({
    "approval.kind": matter.kind,
    ...matterContent(matter),
    "approval.reason": reason,
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

function refuseUnknown({ file, knowsUser }: CatalogDesk, matter: ApprovalMatter): void {
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
