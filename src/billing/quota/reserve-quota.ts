/** ReserveQuota and BatchReserveQuota: holds quota before a task, for one feature or for several. */
import type { Feature } from "../catalog/feature.ts";
import type { FeatureId, GrantId, ReservationId, TaskId, UserId } from "../id.ts";
import { standingRefusal } from "../membership/change-membership.ts";
import { reasonsAgainst } from "../membership/state-table.ts";
import { sum, type QuotaUnits } from "../money.ts";
import { Refusal } from "../refusal.ts";
import { balanceOf, useOf, type Account, type Balance, type Use } from "./account.ts";
import { readAnswer, writeAnswer } from "./answers.ts";
import type { Desk, UseCase } from "./desk.ts";
import { brokenLimits, usageAt } from "./limits.ts";
import { draw, liveTotal, type Allocation } from "./lot.ts";
import { entriesFor, NO_EFFECTS, type Effects } from "./posting.ts";
import type { DecisionTrace, Reservation } from "./reservation.ts";
import { answerFor, reservationAnswers, type ReservationAnswer } from "./settled.ts";

/** One use of one feature. */
export interface ReserveLine {
  readonly featureId: FeatureId;
  /** Uses, from 1 to QUANTITY_MAX. */
  readonly quantity: number;
}

export interface ReserveQuota extends ReserveLine {
  readonly userId: UserId;
  readonly taskId: TaskId;
  readonly ttlMs: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface BatchReserveQuota extends Omit<ReserveQuota, "featureId" | "quantity"> {
  readonly lines: readonly ReserveLine[];
}

export interface BatchReserveQuotaAnswer {
  readonly reservations: readonly Reservation[];
  readonly balance: Balance;
}

/**
 * Holds the cost of one line. Refused as USER_NOT_FOUND, USER_SUSPENDED, FEATURE_NOT_FOUND,
 * FEATURE_NOT_PUBLISHED, MEMBERSHIP_REQUIRED, FEATURE_ACCESS_DENIED, IN_FLIGHT_LIMITED,
 * COOLDOWN_ACTIVE, RATE_LIMITED, QUOTA_INSUFFICIENT: the first of these that applies.
 */
export const reserveQuota: UseCase<ReserveQuota, ReservationAnswer> = {
  method: "ReserveQuota",
  alwaysLogged: true,
  needs: ({ featureId }) => ({ featureIds: [featureId] }),
  content: (input) => ({
    user_id: input.userId,
    feature_id: input.featureId,
    task_id: input.taskId,
    quantity: String(input.quantity),
    ...commonContent(input),
  }),
  decide(desk, input) {
    const plan = planReserve(desk, { ...input, lines: [input] });
    return { effects: plan.effects, answer: answerFor(desk, plan.effects.holds[0]!) };
  },
  answers: reservationAnswers,
};

/** Holds all lines or none. Refused as ReserveQuota, by the first line that fails. */
export const batchReserveQuota: UseCase<BatchReserveQuota, BatchReserveQuotaAnswer> = {
  method: "BatchReserveQuota",
  alwaysLogged: true,
  needs: ({ lines }) => ({ featureIds: lines.map(({ featureId }) => featureId) }),
  content: (input) => ({
    user_id: input.userId,
    task_id: input.taskId,
    lines: input.lines.map(({ featureId, quantity }) => `${featureId}*${quantity}`).join(","),
    ...commonContent(input),
  }),
  decide(desk, input) {
    const plan = planReserve(desk, input);
    return {
      effects: plan.effects,
      answer: () => ({
        reservations: plan.effects.holds,
        balance: balanceOf(desk.account, desk.nowMs),
      }),
    };
  },
  answers: {
    write: ({ reservations, balance }) => writeAnswer(reservations, balance),
    read: (text, find) => {
      const { reservations, balance } = readAnswer(text, find);
      return { reservations, balance };
    },
  },
};

function commonContent(input: Pick<ReserveQuota, "ttlMs" | "labels">) {
  const labels = Object.entries(input.labels).sort(([left], [right]) => (left < right ? -1 : 1));
  return { ttl: `${input.ttlMs}ms`, labels: JSON.stringify(labels) };
}

/** Every refusal of one line, in order of precedence. An unknown feature hides what follows from it. */
export function reserveRefusals(desk: Desk, line: ReserveLine): Refusal[] {
  const { account, nowMs } = desk;
  const refusals = entitlementRefusals(desk, line.featureId);
  const feature = desk.features.find(line.featureId);
  if (feature === undefined || feature === "unpublished") return refusals;
  const uses = account.uses.get(line.featureId) ?? [];
  refusals.push(...brokenLimits(account.user.userId, feature, uses, line.quantity, nowMs));
  const short = shortOfQuota(account, costOf(feature, line), liveTotal(account.lots, nowMs));
  if (short) refusals.push(short);
  return refusals;
}

/** Every reason against a use that is not about limits or balance, in order of precedence. */
export function entitlementRefusals(desk: Desk, featureId: FeatureId): Refusal[] {
  const { account, nowMs } = desk;
  const { user } = account;
  const refusals: Refusal[] = [];
  const against = reasonsAgainst(user, nowMs, "USE");
  if (against.includes("USER_SUSPENDED")) refusals.push(standingRefusal("USER_SUSPENDED", user));
  const feature = desk.features.find(featureId);
  if (feature === undefined) {
    refusals.push(new Refusal("FEATURE_NOT_FOUND", "there is no such feature", { featureId }));
  } else if (feature === "unpublished") {
    const message = "no version of the feature is in force";
    refusals.push(new Refusal("FEATURE_NOT_PUBLISHED", message, { featureId }));
  }
  if (against.includes("MEMBERSHIP_REQUIRED")) {
    refusals.push(standingRefusal("MEMBERSHIP_REQUIRED", user));
  }
  if (feature !== undefined && feature !== "unpublished" && !isOpenTo(feature, account)) {
    const message = "the feature is open to the users on its list only";
    const facts = { featureId, userId: user.userId, accessScope: feature.accessScope };
    refusals.push(new Refusal("FEATURE_ACCESS_DENIED", message, facts));
  }
  return refusals;
}

function isOpenTo(feature: Feature, account: Account): boolean {
  return feature.accessScope === "MEMBER" || account.access.has(feature.featureId);
}

function costOf(feature: Feature, { quantity }: ReserveLine): QuotaUnits {
  return feature.quotaCost * BigInt(quantity);
}

function shortOfQuota(account: Account, required: QuotaUnits, available: QuotaUnits) {
  if (required <= available) return undefined;
  const facts = {
    userId: account.user.userId,
    available: available.toString(),
    required: required.toString(),
  };
  const message = `${required} quota units are needed, and ${available} are available`;
  return new Refusal("QUOTA_INSUFFICIENT", message, facts);
}

/** The first line that fails refuses all; each line sees what the ones before it would take. */
function planReserve(desk: Desk, input: BatchReserveQuota): { effects: Effects } {
  const { account, nowMs } = desk;
  const drawn = new Map<GrantId, QuotaUnits>();
  const reservations: Reservation[] = [];
  for (const line of input.lines) {
    const available = liveTotal(account.lots, nowMs) - sum(drawn.values());
    const { feature, uses } = admit(desk, line, available, reservations);
    const allocations = draw(account.lots, costOf(feature, line), nowMs, drawn);
    const decision: DecisionTrace = {
      available,
      membershipUntilMs: account.user.membershipUntilMs!,
      usage: uses === undefined ? null : usageAt(uses, nowMs),
    };
    reservations.push(newHold(desk, input, line, feature, allocations, decision));
  }
  const entries = reservations.flatMap(({ reservationId, allocations, taskId }) =>
    entriesFor("RESERVE", reservationId, allocations, { available: -1n, held: 1n }, `task ${taskId}`),
  );
  return { effects: { ...NO_EFFECTS, entries, holds: reservations } };
}

/** Lets one line pass, or throws its first refusal. */
function admit(
  desk: Desk,
  line: ReserveLine,
  available: QuotaUnits,
  earlier: readonly Reservation[],
): { feature: Feature; uses: readonly Use[] | undefined } {
  const { account, nowMs } = desk;
  const [refusal] = entitlementRefusals(desk, line.featureId);
  if (refusal) throw refusal;
  const feature = desk.features.find(line.featureId) as Feature;
  const stored = account.uses.get(line.featureId);
  const ofThisBatch = earlier.filter(({ featureId }) => featureId === line.featureId).map(useOf);
  const { userId } = account.user;
  const [broken] = brokenLimits(userId, feature, stored ?? [], line.quantity, nowMs, ofThisBatch);
  if (broken) throw broken;
  const short = shortOfQuota(account, costOf(feature, line), available);
  if (short) throw short;
  return { feature, uses: stored && [...stored, ...ofThisBatch] };
}

function newHold(
  desk: Desk,
  input: BatchReserveQuota,
  line: ReserveLine,
  feature: Feature,
  allocations: readonly Allocation[],
  decision: DecisionTrace,
): Reservation {
  return {
    reservationId: desk.newId("rsv") as ReservationId,
    userId: input.userId,
    featureId: line.featureId,
    featureVersion: feature.version,
    taskId: input.taskId,
    quantity: line.quantity,
    unitCost: feature.quotaCost,
    amount: costOf(feature, line),
    committedAmount: 0n,
    refundedAmount: 0n,
    state: "HELD",
    eligibleForRefund: true,
    allocations,
    labels: input.labels,
    countsForLimits: true,
    decision,
    createTimeMs: desk.nowMs,
    expireTimeMs: desk.nowMs + input.ttlMs,
    commitTimeMs: null,
    refundTimeMs: null,
    refundReason: null,
    failedStep: "",
    refundDetail: "",
  };
}
