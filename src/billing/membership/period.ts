/** The periods that a purchase of a plan adds to a membership. */
import { addMonths } from "../calendar.ts";
import type { Plan } from "../catalog/plan.ts";
import { DAY_MS } from "../clock.ts";
import { isMember, type User } from "./user.ts";

/** A period of a plan. Its end is the next one's begin, and no longer inside. */
export interface Period {
  readonly startMs: number;
  readonly endMs: number;
  /** When its quota lapses, by the plan's rollover rule; null when it does not. */
  readonly quotaEndMs: number | null;
}

export interface Extension {
  readonly periods: readonly Period[];
  readonly startMs: number;
  readonly endMs: number;
  readonly anchorMs: number | null;
  readonly anchorMonths: number;
}

/** What of a user decides where a purchase begins. */
type Chain = Pick<
  User,
  "onTrial" | "membershipUntilMs" | "membershipAnchorMs" | "membershipAnchorMonths"
>;

/** True while a paid membership runs: only that is extended from its end. A trial isn't: see decision 0008. */
export function runsPaid(user: Chain & Pick<User, "membershipUntilMs">, nowMs: number): boolean {
  return isMember(user as User, nowMs) && !user.onTrial;
}

/**
 * The periods that `quantity` of the plan add: from the end of a paid membership that runs, else from
 * now. Months are counted from where their unbroken chain began.
 */
export function extend(user: Chain, plan: Plan, quantity: number, nowMs: number): Extension {
  const startMs = runsPaid(user, nowMs) ? user.membershipUntilMs! : nowMs;
  const count = clockOf(user, plan, startMs);
  const periods = Array.from({ length: quantity }, (_, at): Period => ({
    startMs: count.endAfter(at),
    endMs: count.endAfter(at + 1),
    quotaEndMs: quotaEnd(plan, count.endAfter, at),
  }));
  return {
    periods,
    startMs,
    endMs: count.endAfter(quantity),
    anchorMs: count.anchorMs,
    anchorMonths: count.months + quantity * plan.periodMonths,
  };
}

function quotaEnd(plan: Plan, endAfter: (periods: number) => number, at: number): number | null {
  if (plan.rollover === "UNTIL_USED") return null;
  return endAfter(plan.rollover === "ONE_PERIOD" ? at + 2 : at + 1);
}

/** How the plan's periods follow each other from a moment on. */
function clockOf(user: Chain, plan: Plan, startMs: number) {
  if (plan.periodMonths === 0) {
    const endAfter = (periods: number) => startMs + periods * plan.periodDays * DAY_MS;
    return { endAfter, anchorMs: null, months: 0 };
  }
  const { membershipAnchorMs, membershipAnchorMonths } = user;
  const goesOn =
    membershipAnchorMs !== null &&
    addMonths(membershipAnchorMs, membershipAnchorMonths) === startMs;
  const anchorMs = goesOn ? membershipAnchorMs : startMs;
  const months = goesOn ? membershipAnchorMonths : 0;
  const endAfter = (periods: number) => addMonths(anchorMs, months + periods * plan.periodMonths);
  return { endAfter, anchorMs, months };
}
