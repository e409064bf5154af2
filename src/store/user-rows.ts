/** Rows of `users` and users, each way. */
import type { PlanId, UserId } from "../billing/id.ts";
import type { RecordedState, User, UserState } from "../billing/membership/user.ts";
import {
  ID,
  TIME,
  WORD,
  msOrNull,
  timeOrNull,
  timeText,
  toBigInt,
  toMs,
  type Cell,
  type ColumnTypes,
  type HotTable,
  type Row,
} from "./cell.ts";

export const USERS: HotTable = {
  name: "users",
  columns: [
    "user_id",
    "state",
    "suspend_reason",
    "plan_id",
    "on_trial",
    "membership_start_time",
    "membership_until",
    "membership_anchor_time",
    "membership_anchor_months",
    "membership_state",
    "membership_steps",
    "expiry_told",
    "quota_remaining",
    "quota_held",
    "log_sequence",
    "create_time",
  ],
};

/** What names a row, and what may change of it. */
export const USER_KEY: ColumnTypes = { user_id: ID };

export const BALANCE_COLUMNS: ColumnTypes = {
  quota_remaining: "bigint",
  quota_held: "bigint",
  log_sequence: "bigint",
};

export const PROFILE_COLUMNS: ColumnTypes = {
  state: WORD,
  suspend_reason: "varchar(255)",
  plan_id: ID,
  on_trial: "int",
  membership_start_time: TIME,
  membership_until: TIME,
  membership_anchor_time: TIME,
  membership_anchor_months: "int",
  membership_state: WORD,
  membership_steps: "int",
  expiry_told: "int",
  create_time: TIME,
};

export function userCells(user: User): Cell[] {
  return [
    user.userId,
    user.state,
    user.suspendReason,
    user.planId,
    user.onTrial,
    timeOrNull(user.membershipStartMs),
    timeOrNull(user.membershipUntilMs),
    timeOrNull(user.membershipAnchorMs),
    user.membershipAnchorMonths,
    user.membershipState,
    user.membershipSteps,
    user.expiryTold,
    user.available,
    user.held,
    user.logSequence,
    timeText(user.createTimeMs),
  ];
}

export function balanceChange(user: User): Cell[] {
  return [user.userId, user.available, user.held, user.logSequence];
}

export function profileChange(user: User): Cell[] {
  return [
    user.userId,
    user.state,
    user.suspendReason,
    user.planId,
    user.onTrial,
    timeOrNull(user.membershipStartMs),
    timeOrNull(user.membershipUntilMs),
    timeOrNull(user.membershipAnchorMs),
    user.membershipAnchorMonths,
    user.membershipState,
    user.membershipSteps,
    user.expiryTold,
    timeText(user.createTimeMs),
  ];
}

export function readUser(row: Row): User {
  return {
    userId: row["user_id"] as UserId,
    state: row["state"] as UserState,
    suspendReason: row["suspend_reason"] as string,
    planId: row["plan_id"] as PlanId | null,
    onTrial: Boolean(row["on_trial"]),
    membershipStartMs: msOrNull(row["membership_start_time"]),
    membershipUntilMs: msOrNull(row["membership_until"]),
    membershipAnchorMs: msOrNull(row["membership_anchor_time"]),
    membershipAnchorMonths: Number(row["membership_anchor_months"]),
    membershipState: row["membership_state"] as RecordedState,
    membershipSteps: Number(row["membership_steps"]),
    expiryTold: Boolean(row["expiry_told"]),
    available: toBigInt(row["quota_remaining"]),
    held: toBigInt(row["quota_held"]),
    logSequence: toBigInt(row["log_sequence"]),
    createTimeMs: toMs(row["create_time"]),
  };
}
