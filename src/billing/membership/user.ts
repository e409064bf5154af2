/** A user as decisions see one: the row whose lock guards everything that the user has. */
import type { PlanId, UserId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";

/** NEW: the row was made to be locked, and nothing is registered yet. It never leaves a transaction. */
export type UserState = "NEW" | "ACTIVE" | "SUSPENDED";

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
  /** The sum of what is left in all open lots. Only postings change it. */
  available: QuotaUnits;
  /** The sum of all open holds. Only postings change it. */
  held: QuotaUnits;
  /** How many movements the user's log has. */
  logSequence: bigint;
  readonly createTimeMs: number;
}

export function isMember(user: User, nowMs: number): boolean {
  return user.membershipUntilMs !== null && nowMs < user.membershipUntilMs;
}
