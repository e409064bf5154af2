/** RegisterUser: makes a user known and gives the trial membership and its quota, once. */
import { DAY_MS } from "../clock.ts";
import type { UserId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import type { UseCase } from "../quota/desk.ts";
import { newLot } from "../quota/new-lot.ts";
import { changeMembership } from "./change-membership.ts";
import { membershipOf, type Membership } from "./membership.ts";

export interface RegisterUser {
  readonly userId: UserId;
}

export interface RegisterUserAnswer {
  readonly membership: Membership;
  readonly grantedAmount: QuotaUnits;
}

/** Refused as USER_ALREADY_REGISTERED. */
export const registerUser: UseCase<RegisterUser, RegisterUserAnswer> = {
  method: "RegisterUser",
  needs: () => ({ createsUser: true }),
  content: ({ userId }) => ({ user_id: userId }),
  decide(desk, { userId }) {
    const plan = desk.trialPlan;
    const lot = newLot(desk, {
      kind: "TRIAL",
      id: userId,
      userId,
      amount: plan.quotaAmount,
      priority: plan.quotaPriority,
      validMs: plan.periodDays * DAY_MS,
      usedBy: null,
    });
    const change = {
      planId: plan.planId,
      onTrial: true,
      membershipStartMs: desk.nowMs,
      membershipUntilMs: desk.nowMs + plan.periodDays * DAY_MS,
      // The row was made a moment before, to be locked.
      createTimeMs: desk.nowMs,
    };
    const changed = changeMembership(desk, "REGISTER", change, { source: "CALL" });
    return {
      effects: { ...lot, ...changed },
      answer: () => ({
        membership: membershipOf(desk.account.user, desk.nowMs),
        grantedAmount: plan.quotaAmount,
      }),
    };
  },
  answers: {
    write: ({ membership, grantedAmount }) =>
      JSON.stringify([[], membership, Number(grantedAmount)]),
    read: (text) => {
      const [, membership, grantedAmount] = JSON.parse(text);
      return { membership, grantedAmount: BigInt(grantedAmount) };
    },
  },
};
