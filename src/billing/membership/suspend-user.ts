/** SuspendUser and ResumeUser: risk control stops a user, and lets one act again. */
import type { UserId } from "../id.ts";
import { plainAnswers } from "../quota/answers.ts";
import type { UseCase } from "../quota/desk.ts";
import { NO_EFFECTS } from "../quota/posting.ts";
import { membershipOf, type Membership } from "./membership.ts";

export interface SuspendUser {
  readonly userId: UserId;
  /** Why, for the record. */
  readonly reason: string;
}

/** A suspended user stays suspended, for the first reason. */
export const suspendUser = switchUser("SuspendUser", "SUSPENDED");
/** An active user stays active. */
export const resumeUser = switchUser("ResumeUser", "ACTIVE");

function switchUser(
  method: string,
  state: "ACTIVE" | "SUSPENDED",
): UseCase<SuspendUser, { readonly membership: Membership }> {
  return {
    method,
    needs: () => ({}),
    content: ({ userId, reason }) => ({ user_id: userId, reason }),
    decide({ account, nowMs }, { reason }) {
      const suspendReason = state === "SUSPENDED" ? reason : "";
      const effects =
        account.user.state === state ? NO_EFFECTS : { ...NO_EFFECTS, user: { state, suspendReason } };
      return { effects, answer: () => ({ membership: membershipOf(account.user, nowMs) }) };
    },
    answers: plainAnswers(),
  };
}
