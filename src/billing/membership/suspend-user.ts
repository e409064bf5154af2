/** SuspendUser and ResumeUser: risk control stops a user, and lets one act again. */
import type { UserId } from "../id.ts";
import { plainAnswers } from "../quota/answers.ts";
import type { UseCase } from "../quota/desk.ts";
import { NO_EFFECTS } from "../quota/posting.ts";
import { changeMembership } from "./change-membership.ts";
import { membershipOf, type Membership } from "./membership.ts";

export interface SuspendUser {
  readonly userId: UserId;
  /** Why, for the record. */
  readonly reason: string;
}

/** A suspended user stays suspended, for the first reason. */
export const suspendUser = switchUser("SuspendUser", "SUSPEND");
/** An active user stays active. */
export const resumeUser = switchUser("ResumeUser", "RESUME");

function switchUser(
  method: string,
  trigger: "SUSPEND" | "RESUME",
): UseCase<SuspendUser, { readonly membership: Membership }> {
  return {
    method,
    needs: () => ({}),
    content: ({ userId, reason }) => ({ user_id: userId, reason }),
    decide(desk, { reason }) {
      const { account, nowMs } = desk;
      const suspendReason = trigger === "SUSPEND" ? reason : "";
      const cause = { source: "CALL", note: reason } as const;
      const effects = { ...NO_EFFECTS, ...changeMembership(desk, trigger, { suspendReason }, cause) };
      return { effects, answer: () => ({ membership: membershipOf(account.user, nowMs) }) };
    },
    answers: plainAnswers(),
  };
}
