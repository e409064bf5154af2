/** A membership as it is shown. */
import type { PlanId, UserId } from "../id.ts";
import { isMember, type User } from "./user.ts";

export type MembershipState = "TRIAL" | "ACTIVE" | "LAPSED";

export interface Membership {
  readonly userId: UserId;
  readonly userState: "ACTIVE" | "SUSPENDED";
  readonly state: MembershipState;
  readonly planId: PlanId;
  readonly startTimeMs: number;
  readonly expireTimeMs: number;
  readonly createTimeMs: number;
  readonly suspendReason: string;
}

/** The membership of a registered user at that time. */
export function membershipOf(user: User, nowMs: number): Membership {
  const running = user.onTrial ? "TRIAL" : "ACTIVE";
  return {
    userId: user.userId,
    userState: user.state === "SUSPENDED" ? "SUSPENDED" : "ACTIVE",
    state: isMember(user, nowMs) ? running : "LAPSED",
    planId: user.planId!,
    startTimeMs: user.membershipStartMs!,
    expireTimeMs: user.membershipUntilMs!,
    createTimeMs: user.createTimeMs,
    suspendReason: user.suspendReason,
  };
}
