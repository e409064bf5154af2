/** Approve and Reject: a second person allows what somebody else asked for, or turns it down. */
import type { ApprovalId } from "../id.ts";
import { Refusal } from "../refusal.ts";
import { approvalAnswers, storeApproval, type ApprovalAnswer } from "./answers.ts";
import { approvalNotFound, subjectOf, type Approval } from "./approval.ts";
import type { CatalogUseCase } from "./desk.ts";

export interface DecideApproval {
  readonly approvalId: ApprovalId;
  /** What the second person says to it. */
  readonly note: string;
}

export const approve = decideAs("Approve", "APPROVED");
export const reject = decideAs("Reject", "REJECTED");

/** Refused as APPROVAL_NOT_FOUND, APPROVAL_NOT_PENDING, SELF_APPROVAL_FORBIDDEN. */
function decideAs(
  method: "Approve" | "Reject",
  state: "APPROVED" | "REJECTED",
): CatalogUseCase<DecideApproval, ApprovalAnswer> {
  return {
    method,
    needs: ({ approvalId }) => ({ approvalId }),
    content: ({ approvalId, note }) => ({ approval_id: approvalId, note }),
    decide({ approval, caller, nowMs }, { approvalId, note }) {
      if (approval === undefined) throw approvalNotFound(approvalId);
      if (approval.state !== "PENDING") throw notPending(approval);
      if (approval.requestedBy === caller.name) throw selfApproval(approvalId);
      const decided: Approval = {
        ...approval,
        state,
        decidedBy: caller.name,
        decisionNote: note,
        decideTimeMs: nowMs,
      };
      const auditNote = {
        action: method,
        subject: subjectOf(approval.matter),
        before: storeApproval(approval),
        after: storeApproval(decided),
        reason: note,
      };
      return {
        writes: { approvals: [decided], notes: [auditNote] },
        answer: { approval: decided },
      };
    },
    answers: approvalAnswers,
  };
}

function notPending({ approvalId, state }: Approval): Refusal {
  const message = `the approval is ${state} already`;
  return new Refusal("APPROVAL_NOT_PENDING", message, { approvalId, state });
}

function selfApproval(approvalId: ApprovalId): Refusal {
  const message = "nobody decides on what they asked for themselves";
  return new Refusal("SELF_APPROVAL_FORBIDDEN", message, { approvalId });
}
