/** The one way in which a membership changes: as the state table says, with a step and an event. */
import type { Caller } from "../id.ts";
import type { Effects, NewEvent } from "../quota/posting.ts";
import { assert, Refusal, type Reason } from "../refusal.ts";
import {
  cellOf,
  partsOf,
  recordedStanding,
  standingOf,
  type Standing,
  type StepEvent,
  type Trigger,
} from "./state-table.ts";
import type { MembershipCause, MembershipStep } from "./step.ts";
import type { User } from "./user.ts";

/** What others are told of each step. */
export const EVENT_OF: Readonly<Record<StepEvent, NewEvent["type"]>> = {
  REGISTERED: "membership.registered",
  ACTIVATED: "membership.activated",
  RENEWED: "membership.renewed",
  LAPSED: "membership.lapsed",
  SHORTENED: "membership.shortened",
  // Whoever acts on an end acts on this one too: `cause` tells them apart.
  ENDED: "membership.lapsed",
  RESTORED: "membership.restored",
  SUSPENDED: "membership.suspended",
  RESUMED: "membership.resumed",
};

/** Who asks, when, and whose membership it is: a part of a desk. */
export interface Counter {
  readonly nowMs: number;
  readonly caller: Caller;
  readonly account: { readonly user: User };
}

export type Change = Partial<
  Pick<
    User,
    | "planId"
    | "onTrial"
    | "membershipStartMs"
    | "membershipUntilMs"
    | "membershipAnchorMs"
    | "membershipAnchorMonths"
    | "suspendReason"
    | "createTimeMs"
  >
>;

type Changed = Pick<Effects, "user" | "membershipSteps" | "events">;

/**
 * What a trigger makes of a membership; nothing where the table says that it stays.
 * @param change what the trigger changes beside the state
 * @throws Refusal as the table says; Error (a bug) where it can't come
 */
export function changeMembership(
  counter: Counter,
  trigger: Trigger,
  change: Change,
  cause: MembershipCause,
): Changed {
  const { user } = counter.account;
  // The end is recorded before anything else is decided, so the two differ for that alone.
  const standing = trigger === "LAPSE" ? recordedStanding(user) : standingOf(user, counter.nowMs);
  const cell = cellOf(standing, trigger);
  if (cell.kind === "refused") throw standingRefusal(cell.reasons[0]!, user);
  if (cell.kind === "stays") return {};
  assert(cell.kind === "moves", `${trigger} can't come to a membership that is ${standing}`);
  return moved(counter, cell.to, cell.event, change, cause);
}

function moved(
  { account: { user }, nowMs, caller }: Counter,
  standing: Standing,
  event: StepEvent,
  change: Change,
  { source, orderId, refundId, campaignId, note }: MembershipCause,
): Changed {
  const sequence = user.membershipSteps + 1;
  const hasNewEnd =
    change.membershipUntilMs !== undefined && change.membershipUntilMs !== user.membershipUntilMs;
  const after = { ...user, ...change, ...partsOf(standing) };
  const step: MembershipStep = {
    userId: user.userId,
    sequence,
    event,
    fromState: user.membershipState,
    toState: after.membershipState,
    endBeforeMs: user.membershipUntilMs,
    endAfterMs: after.membershipUntilMs,
    planId: after.planId,
    orderId: orderId ?? null,
    refundId: refundId ?? null,
    campaignId: campaignId ?? null,
    source,
    actor: caller.name,
    note: note ?? "",
    createTimeMs: nowMs,
  };
  const told = hasNewEnd ? { expiryTold: false } : {};
  return {
    user: { ...change, ...partsOf(standing), ...told, membershipSteps: sequence },
    membershipSteps: [step],
    events: [
      membershipEvent(EVENT_OF[event], after, { cause: event, order_id: orderId, refund_id: refundId }),
    ],
  };
}

interface More {
  readonly cause?: StepEvent;
  readonly order_id?: string | undefined;
  readonly refund_id?: string | undefined;
}

/** An event about a membership as it is then. */
export function membershipEvent(type: NewEvent["type"], user: User, more: More = {}): NewEvent {
  return {
    type,
    subject: user.userId,
    payload: {
      user_id: user.userId,
      state: user.membershipState,
      user_state: user.state,
      plan_id: user.planId,
      start_time: timeText(user.membershipStartMs),
      end_time: timeText(user.membershipUntilMs),
      cause: more.cause ?? null,
      order_id: more.order_id ?? null,
      refund_id: more.refund_id ?? null,
    },
  };
}

/** RFC 3339; null stays null. */
function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

const MESSAGES: Partial<Record<Reason, string>> = {
  USER_NOT_FOUND: "there is no such user",
  USER_SUSPENDED: "risk control has suspended the user",
  USER_ALREADY_REGISTERED: "the user is registered already",
  MEMBERSHIP_REQUIRED: "only members create tasks, and the membership is over",
};

/** A refusal that follows from the standing alone. */
export function standingRefusal(reason: Reason, { userId }: Pick<User, "userId">): Refusal {
  return new Refusal(reason, MESSAGES[reason] ?? reason, { userId });
}
