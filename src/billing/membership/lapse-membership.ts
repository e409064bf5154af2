/** The sweeper's commands on memberships: ends that have come are recorded, ends to come are told. */
import type { UserId } from "../id.ts";
import { plainAnswers } from "../quota/answers.ts";
import type { UseCase } from "../quota/desk.ts";
import { NO_EFFECTS, type Effects } from "../quota/posting.ts";
import { changeMembership, membershipEvent, type Counter } from "./change-membership.ts";
import { isMember, type User } from "./user.ts";

/** Who records an end: nobody asks for it. */
const OURSELVES = { name: "billing-guard" };

/**
 * The record of an end that has come; undefined when there is none to record. It's posted before any
 * decision on the account, so that what follows an end, such as a purchase, is recorded after it. No
 * decision looks at the record: all go by the clock.
 */
export function dueLapse(user: User, nowMs: number): Effects | undefined {
  const runs = user.membershipState === "TRIAL" || user.membershipState === "ACTIVE";
  if (!runs || isMember(user, nowMs)) return undefined;
  const counter: Counter = { nowMs, caller: OURSELVES, account: { user } };
  return { ...NO_EFFECTS, ...changeMembership(counter, "LAPSE", {}, { source: "CLOCK" }) };
}

export interface LapseMembership {
  readonly userId: UserId;
}

/** Decides nothing of its own: `dueLapse` is posted before every decision. */
export const lapseMembership: UseCase<LapseMembership, { readonly lapsed: boolean }> = {
  method: "LapseMembership",
  needs: () => ({}),
  content: ({ userId }) => ({ user_id: userId }),
  decide: ({ account }) => ({
    effects: NO_EFFECTS,
    answer: () => ({ lapsed: account.user.membershipState === "LAPSED" }),
  }),
  answers: plainAnswers(),
};

export interface TellExpiry {
  readonly userId: UserId;
  /** How long before the end it's told. */
  readonly aheadMs: number;
}

/** Tells once of each end that comes soon. Suspended users aren't asked to stay. */
export const tellExpiry: UseCase<TellExpiry, { readonly told: boolean }> = {
  method: "TellExpiry",
  needs: () => ({}),
  content: ({ userId }) => ({ user_id: userId }),
  decide({ account: { user }, nowMs }, { aheadMs }) {
    const isSoon = isMember(user, nowMs) && user.membershipUntilMs! - nowMs <= aheadMs;
    const told = isSoon && !user.expiryTold && user.state === "ACTIVE";
    if (!told) return { effects: NO_EFFECTS, answer: () => ({ told }) };
    const events = [membershipEvent("membership.expiring", user)];
    const effects = { ...NO_EFFECTS, user: { expiryTold: true }, events };
    return { effects, answer: () => ({ told }) };
  },
  answers: plainAnswers(),
};
