/**
 * THE state table of memberships: what may happen to a user in which standing, and what becomes of it.
 * Use cases ask it before they change a membership; docs/membership.md shows it, which a test compares.
 * Amounts, ends and lots are decided elsewhere: in register-user.ts, purchase.ts and period.ts.
 */
import type { Reason } from "../refusal.ts";
import { isMember, type RecordedState, type User } from "./user.ts";

/**
 * What a user is to the business: the membership and, behind a point, that risk control has stopped the
 * user. NONE: not registered. Nobody is registered without a membership: the trial is given with it.
 */
export const STANDINGS = [
  "NONE",
  "TRIAL",
  "ACTIVE",
  "LAPSED",
  "TRIAL.SUSPENDED",
  "ACTIVE.SUSPENDED",
  "LAPSED.SUSPENDED",
] as const;

export type Standing = (typeof STANDINGS)[number];

/** What can come to a membership, each with what it is. */
export const TRIGGERS = {
  REGISTER: "RegisterUser",
  USE: "A use of a feature: ReserveQuota, CheckEntitlement",
  ORDER: "CreateOrder",
  PAY_PLAN: "A plan's order was paid",
  LAPSE: "The membership's end has come",
  REFUND_PART: "A refund ends some of the time that is left",
  REFUND_REST: "A refund ends all of the time that is left",
  REFUND_CLOSED: "A refund that ended time does not happen after all",
  SUSPEND: "SuspendUser",
  RESUME: "ResumeUser",
  REDEEM: "RedeemCampaign",
} as const;

export type Trigger = keyof typeof TRIGGERS;

/** What a transition is called in the record of a membership. */
export type StepEvent =
  | "REGISTERED"
  | "ACTIVATED"
  | "RENEWED"
  | "LAPSED"
  | "SHORTENED"
  | "ENDED"
  | "RESTORED"
  | "SUSPENDED"
  | "RESUMED";

export type Cell =
  /** The membership changes, and the change is recorded. */
  | { readonly kind: "moves"; readonly to: Standing; readonly event: StepEvent }
  /** It may happen, and the membership stays as it is. */
  | { readonly kind: "stays" }
  /** It is refused: every reason, the gravest first. */
  | { readonly kind: "refused"; readonly reasons: readonly Reason[] }
  /** It can't come: a bug if it does. */
  | { readonly kind: "never" };

const to = (standing: Standing, event: StepEvent): Cell => ({ kind: "moves", to: standing, event });
const no = (...reasons: readonly Reason[]): Cell => ({ kind: "refused", reasons });
const stays: Cell = { kind: "stays" };
const never: Cell = { kind: "never" };

const unknown = no("USER_NOT_FOUND");
const suspended = no("USER_SUSPENDED");
const registered = no("USER_ALREADY_REGISTERED");
const lapsed = no("MEMBERSHIP_REQUIRED");
const suspendedAndLapsed = no("USER_SUSPENDED", "MEMBERSHIP_REQUIRED");

type Row = readonly [Cell, Cell, Cell, Cell, Cell, Cell, Cell];

/** One row a trigger, its cells in the order of STANDINGS. */
const TABLE: Readonly<Record<Trigger, Row>> = {
  REGISTER: [
    to("TRIAL", "REGISTERED"),
    registered,
    registered,
    registered,
    registered,
    registered,
    registered,
  ],
  USE: [unknown, stays, stays, lapsed, suspended, suspended, suspendedAndLapsed],
  ORDER: [unknown, stays, stays, stays, suspended, suspended, suspended],
  // Money that came in is never dropped: who was suspended meanwhile gets what was paid for, and stays so.
  PAY_PLAN: [
    never,
    to("ACTIVE", "ACTIVATED"),
    to("ACTIVE", "RENEWED"),
    to("ACTIVE", "ACTIVATED"),
    to("ACTIVE.SUSPENDED", "ACTIVATED"),
    to("ACTIVE.SUSPENDED", "RENEWED"),
    to("ACTIVE.SUSPENDED", "ACTIVATED"),
  ],
  LAPSE: [
    never,
    to("LAPSED", "LAPSED"),
    to("LAPSED", "LAPSED"),
    stays,
    to("LAPSED.SUSPENDED", "LAPSED"),
    to("LAPSED.SUSPENDED", "LAPSED"),
    stays,
  ],
  // A trial was not paid for, and nothing is left of a membership that has lapsed.
  REFUND_PART: [
    never, never, to("ACTIVE", "SHORTENED"), never, never, to("ACTIVE.SUSPENDED", "SHORTENED"), never,
  ],
  REFUND_REST: [
    never, never, to("LAPSED", "ENDED"), never, never, to("LAPSED.SUSPENDED", "ENDED"), never,
  ],
  REFUND_CLOSED: [
    never,
    never,
    to("ACTIVE", "RESTORED"),
    to("ACTIVE", "RESTORED"),
    never,
    to("ACTIVE.SUSPENDED", "RESTORED"),
    to("ACTIVE.SUSPENDED", "RESTORED"),
  ],
  SUSPEND: [
    unknown,
    to("TRIAL.SUSPENDED", "SUSPENDED"),
    to("ACTIVE.SUSPENDED", "SUSPENDED"),
    to("LAPSED.SUSPENDED", "SUSPENDED"),
    stays,
    stays,
    stays,
  ],
  RESUME: [
    unknown,
    stays,
    stays,
    stays,
    to("TRIAL", "RESUMED"),
    to("ACTIVE", "RESUMED"),
    to("LAPSED", "RESUMED"),
  ],
  REDEEM: [unknown, stays, stays, stays, suspended, suspended, suspended],
};

/** What becomes of it when that comes to a user in that standing. */
export function cellOf(standing: Standing, trigger: Trigger): Cell {
  return TABLE[trigger][STANDINGS.indexOf(standing)]!;
}

/** The standing by the clock, whether or not the end of a membership has been recorded. */
export function standingOf(user: User, nowMs: number): Standing {
  if (user.state === "NEW") return "NONE";
  const running = user.onTrial ? "TRIAL" : "ACTIVE";
  return joined(isMember(user, nowMs) ? running : "LAPSED", user.state);
}

/** The standing as it was last recorded. */
export function recordedStanding({ state, membershipState }: User): Standing {
  if (state === "NEW" || membershipState === "NONE") return "NONE";
  return joined(membershipState, state);
}

function joined(membership: Exclude<RecordedState, "NONE">, state: "ACTIVE" | "SUSPENDED"): Standing {
  return state === "SUSPENDED" ? `${membership}.SUSPENDED` : membership;
}

/** A standing as it is recorded with the user. */
export function partsOf(standing: Standing): Pick<User, "state" | "membershipState"> {
  if (standing === "NONE") return { state: "NEW", membershipState: "NONE" };
  const [membershipState, isSuspended] = standing.split(".") as [RecordedState, string?];
  return { state: isSuspended === undefined ? "ACTIVE" : "SUSPENDED", membershipState };
}

/** Every reason of the table against it, the gravest first; empty when it may happen. */
export function reasonsAgainst(user: User, nowMs: number, trigger: Trigger): readonly Reason[] {
  const cell = cellOf(standingOf(user, nowMs), trigger);
  return cell.kind === "refused" ? cell.reasons : [];
}
