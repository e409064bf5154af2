/** Commands with everything filled in that a test doesn't care about. */
import type {
  Feature,
  FeatureTerms,
  RateLimitPolicy,
} from "../../../src/billing/catalog/feature.ts";
import type { FeatureId, ReservationId, TaskId, UserId } from "../../../src/billing/id.ts";
import { registerUser } from "../../../src/billing/membership/register-user.ts";
import { commitQuota } from "../../../src/billing/quota/commit-quota.ts";
import { expireReservation } from "../../../src/billing/quota/expire-reservation.ts";
import { grantQuota } from "../../../src/billing/quota/grant-quota.ts";
import type { Lot } from "../../../src/billing/quota/lot.ts";
import { refundQuota, type RefundQuota } from "../../../src/billing/quota/refund-quota.ts";
import {
  TTL_DEFAULT_MS,
  type RefundReason,
  type Reservation,
} from "../../../src/billing/quota/reservation.ts";
import {
  batchReserveQuota,
  reserveQuota,
  type ReserveQuota,
} from "../../../src/billing/quota/reserve-quota.ts";
import { sourceKey } from "../../../src/billing/quota/serve.ts";
import { START_MS, World, TRIAL_PLAN } from "./world.ts";

export const ANN = "ann" as UserId;
export const BOB = "bob" as UserId;
/** Costs 1 and has no limit. */
export const CUT_OUT = "cut-out" as FeatureId;
/** Costs 5 and has no limit. */
export const VIDEO = "video" as FeatureId;
/** Costs nothing. */
export const FREE = "free" as FeatureId;
/** Costs 1; each test gives it the limits that it is about. */
export const LIMITED = "limited" as FeatureId;
/** Costs 1; for the users on its list. */
export const LISTED = "listed" as FeatureId;
/** Has versions, and none of them is in force. */
export const WITHDRAWN = "withdrawn" as FeatureId;

export function feature(featureId: FeatureId, terms: Partial<FeatureTerms> = {}): Feature {
  return {
    featureId,
    displayName: featureId,
    quotaCost: 1n,
    highCost: false,
    category: "image",
    accessScope: "MEMBER",
    rateLimitPolicy: null,
    launchPlan: "",
    version: 1,
    state: "PUBLISHED",
    createTimeMs: START_MS,
    publishTimeMs: START_MS,
    createdBy: "catalog-test",
    ...terms,
  };
}

export function limits(policy: Partial<RateLimitPolicy>): RateLimitPolicy {
  return { maxPerHour: 0, maxPerDay: 0, cooldownSeconds: 0, maxInFlight: 0, ...policy };
}

/** A world with the features above and without users; its trial brings `trialAmount`. */
export function emptyWorld(trialAmount: bigint = TRIAL_PLAN.quotaAmount): World {
  const world = new World();
  world.trialPlan = { ...TRIAL_PLAN, quotaAmount: trialAmount };
  world.features.set(CUT_OUT, feature(CUT_OUT));
  world.features.set(VIDEO, feature(VIDEO, { quotaCost: 5n, category: "video" }));
  world.features.set(FREE, feature(FREE, { quotaCost: 0n }));
  world.features.set(LIMITED, feature(LIMITED, { rateLimitPolicy: limits({ maxPerDay: 1_000 }) }));
  world.features.set(LISTED, feature(LISTED, { accessScope: "WHITELIST", launchPlan: "in May" }));
  world.features.set(WITHDRAWN, "unpublished");
  return world;
}

/** The same, with Ann registered. */
export function worldWithAnn(trialAmount?: bigint): World {
  const world = emptyWorld(trialAmount);
  register(world, ANN);
  return world;
}

/** Ann with a trial of one quota unit that is drawn last, so that tests bring their own lots. */
export function worldWithoutQuota(): World {
  const world = emptyWorld(1n);
  world.trialPlan = { ...world.trialPlan, quotaPriority: 100 };
  register(world, ANN);
  return world;
}

/** Ann with plenty of quota, and LIMITED with those limits. */
export function limitedWorld(policy: Partial<RateLimitPolicy>): World {
  const world = worldWithAnn(1_000n);
  limitBy(world, policy);
  return world;
}

export function limitBy(world: World, policy: Partial<RateLimitPolicy>, quotaCost = 1n): void {
  world.features.set(LIMITED, feature(LIMITED, { quotaCost, rateLimitPolicy: limits(policy) }));
}

export function register(world: World, userId: UserId): void {
  world.accept(registerUser, { userId });
}

let tasks = 0;

export function reserveInput(featureId: FeatureId, more: Partial<ReserveQuota> = {}): ReserveQuota {
  const taskId = `task-${++tasks}` as TaskId;
  const usual = { userId: ANN, quantity: 1, ttlMs: TTL_DEFAULT_MS, labels: {} };
  return { ...usual, featureId, taskId, ...more };
}

export function reserve(
  world: World,
  featureId: FeatureId = CUT_OUT,
  more: Partial<ReserveQuota> = {},
): Reservation {
  return world.accept(reserveQuota, reserveInput(featureId, more)).reservation;
}

/** One line a feature; a name with `*3` behind it is three uses. */
export function batchInput(names: readonly string[], taskId = `task-${++tasks}` as TaskId) {
  const lines = names.map((name) => {
    const [featureId = "", quantity = "1"] = name.split("*");
    return { featureId: featureId as FeatureId, quantity: Number(quantity) };
  });
  return { userId: ANN, taskId, lines, ttlMs: TTL_DEFAULT_MS, labels: {} };
}

export function reserveAll(world: World, names: readonly string[], taskId?: TaskId) {
  return world.accept(batchReserveQuota, batchInput(names, taskId)).reservations;
}

export function commit(
  world: World,
  { reservationId }: { readonly reservationId: ReservationId },
  actualAmount: bigint | null = null,
): Reservation {
  return world.accept(commitQuota, { reservationId, actualAmount }).reservation;
}

export function refundInput(
  target: RefundQuota["target"],
  reason: RefundReason | "SUBJECTIVE" = "STEP_FAILED",
): RefundQuota {
  return { target, reason, failedStep: "render", detail: "" };
}

export function refund(
  world: World,
  { reservationId }: { readonly reservationId: ReservationId },
  reason: RefundReason = "STEP_FAILED",
): Reservation {
  return world.accept(refundQuota, refundInput({ reservationId }, reason)).reservations[0]!;
}

/** What the sweeper does when it finds an overdue hold. */
export function expire(world: World, { reservationId, userId }: Reservation): boolean {
  return world.accept(expireReservation, { userId, reservationId }, { key: null }).expired;
}

/** Lets the time of a hold run out, and the sweeper come. */
export function letExpire(world: World, reservation: Reservation): Reservation {
  world.nowMs = Math.max(world.nowMs, reservation.expireTimeMs);
  expire(world, reservation);
  return world.reservations.get(reservation.reservationId)!;
}

let sources = 0;

/** Approves an adjustment and grants it; a lot that never lapses unless `validMs` says so. */
export function grant(
  world: World,
  amount: bigint,
  more: { priority?: number; validMs?: number | null; userId?: UserId; sourceId?: string } = {},
): Lot {
  const { priority = 50, validMs = null, userId = ANN, sourceId = `apr-${++sources}` } = more;
  const source = { kind: "ADJUSTMENT", id: sourceId } as const;
  const terms = { ...source, userId, amount, priority, validMs, usedBy: null };
  world.sources.set(sourceKey(source), terms);
  return world.accept(grantQuota, { userId, source }).lot;
}

/** What is left in a lot now, as its row says. */
export function left(world: World, { grantId }: Pick<Lot, "grantId">): bigint {
  return world.lots.get(grantId)!.remaining;
}

/** The lot that came with a user's registration. */
export function trialLot(world: World, userId: UserId = ANN): Lot {
  const own = [...world.lots.values()].filter((lot) => lot.userId === userId);
  return own.find(({ sourceKind }) => sourceKind === "TRIAL")!;
}
