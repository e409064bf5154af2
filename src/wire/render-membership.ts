/** Memberships and plans as the contract shows them. */
import type { Plan } from "../billing/catalog/plan.ts";
import type { NextQuota } from "../billing/membership/books.ts";
import type { Membership } from "../billing/membership/membership.ts";
import * as wire from "../gen/billing/membership/v1/membership.ts";

export function membership(shown: Membership): wire.Membership {
  return {
    userId: shown.userId,
    userState: wire.Membership_UserState[shown.userState],
    state: wire.Membership_State[shown.state],
    planId: shown.planId,
    startTime: new Date(shown.startTimeMs),
    expireTime: new Date(shown.expireTimeMs),
    createTime: new Date(shown.createTimeMs),
    suspendReason: shown.suspendReason,
  };
}

export function nextQuota(shown: NextQuota): wire.NextQuota {
  return {
    amount: shown.amount,
    startTime: new Date(shown.startTimeMs),
    expireTime: shown.expireTimeMs === null ? undefined : new Date(shown.expireTimeMs),
  };
}

export function plan(shown: Plan): wire.Plan {
  return {
    planId: shown.planId,
    displayName: shown.displayName,
    priceFen: shown.priceFen,
    periodMonths: shown.periodMonths,
    periodDays: shown.periodDays,
    quotaAmount: shown.quotaAmount,
    quotaPriority: shown.quotaPriority,
    trial: shown.trial,
    version: shown.version,
    rollover: wire.Plan_Rollover[shown.rollover],
  };
}
