/** A user as decisions see one: the row whose lock guards everything that the user has. */
import type { PlanId, UserId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";

/** NEW: the row was made to be locked, and nothing is registered yet. It never leaves a transaction. */
export type UserState = "NEW" | "ACTIVE" | "SUSPENDED";

/** A membership as it was last recorded. The clock may be ahead of the record: see `isMember`. */
export type RecordedState = "NONE" | "TRIAL" | "ACTIVE" | "LAPSED";

export interface User {
  readonly userId: UserId;
  state: UserState;
  suspendReason: string;
  /** The plan of the last membership; null before the first. */
  planId: PlanId | null;
  /** True while that plan is the trial. */
  onTrial: boolean;
  membershipStartMs: number | null;
  /** The first moment that is no longer inside; null before the first membership. */
  membershipUntilMs: number | null;
  /**
   * Where the unbroken chain of paid months began, from which their ends are counted, so that a short
   * month shortens no later one; null before the first and for plans that run by days.
   */
  membershipAnchorMs: number | null;
  /** How many months have been counted from the anchor to `membershipUntilMs`. */
  membershipAnchorMonths: number;
  /** As last recorded, for lists and the sweeper. Decisions go by `membershipUntilMs` and the clock. */
  membershipState: RecordedState;
  /** How many steps the record of the membership has. */
  membershipSteps: number;
  /** True when others have been told that `membershipUntilMs` comes soon. */
  expiryTold: boolean;
  /** The sum of what is left in all open lots. Only postings change it. */
  available: QuotaUnits;
  /** The sum of all open holds. Only postings change it. */
  held: QuotaUnits;
  /** How many movements the user's log has. */
  logSequence: bigint;
  /** When the user was registered. */
  createTimeMs: number;
}

export function isMember(user: User, nowMs: number): boolean {
  return user.membershipUntilMs !== null && nowMs < user.membershipUntilMs;
}
