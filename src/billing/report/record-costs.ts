/** RecordCosts: what vendors charged, each cost priced and given to its user, feature and task. */
import { DAY_MS, MINUTE_MS } from "../clock.ts";
import type { FeatureId, ReservationId, TaskId, UserId } from "../id.ts";
import { sum } from "../money.ts";
import { reservationNotFound } from "../quota/settled.ts";
import { BadField, Refusal } from "../refusal.ts";
import { COST_AGE_DAYS_MAX, type NewCost, type MicroYuan, type UnitPrice } from "./cost.ts";
import { amountOf, priceAt } from "./unit-price.ts";

/** A reservation as costs see it. */
export interface CostOwner {
  readonly reservationId: ReservationId;
  readonly userId: UserId;
  readonly featureId: FeatureId;
  readonly taskId: TaskId;
}

/** What is known before the decision. */
export interface CostFacts {
  readonly nowMs: number;
  readonly reservations: ReadonlyMap<string, CostOwner>;
  /** The reservations made for each task that a cost without a reservation names. */
  readonly ofTask: ReadonlyMap<string, readonly CostOwner[]>;
  /** All prices of each service that is named, by `priceKey`. */
  readonly prices: ReadonlyMap<string, readonly UnitPrice[]>;
  /** The amounts of costs that are kept under the external ids that are named, by `externalKey`. */
  readonly known: ReadonlyMap<string, MicroYuan>;
}

export interface PricedCost extends NewCost {
  readonly amountMicroYuan: MicroYuan;
}

export interface CostDecision {
  readonly costs: readonly PricedCost[];
  readonly knownCount: number;
  readonly amountMicroYuan: MicroYuan;
}

/** Clocks of vendors and callers differ by so much at most. */
const AHEAD_MS = 5 * MINUTE_MS;

export function priceKey({ vendor, service }: Pick<NewCost, "vendor" | "service">): string {
  return JSON.stringify([vendor, service]);
}

export function externalKey(vendor: string, externalId: string): string {
  return JSON.stringify([vendor, externalId]);
}

/**
 * @throws BadField when a moment is too old or still to come, or nothing says how much it is; Refusal RESERVATION_NOT_FOUND, COST_UNPRICED,
 *   COST_ALLOCATION_DIFFERS, COST_CONFLICT
 */
export function decideCosts(facts: CostFacts, given: readonly NewCost[]): CostDecision {
  checkTerms(facts.nowMs, given);
  const known = new Map(facts.known);
  const costs: PricedCost[] = [];
  let knownCount = 0;
  given.forEach((cost, at) => {
    const priced = price(facts, allocate(facts, cost, at), at);
    const key = cost.externalId === null ? null : externalKey(cost.vendor, cost.externalId);
    const before = key === null ? undefined : known.get(key);
    if (before === undefined) {
      if (key !== null) known.set(key, priced.amountMicroYuan);
      costs.push(priced);
      return;
    }
    if (before !== priced.amountMicroYuan) throw conflict(cost, before, priced.amountMicroYuan);
    knownCount += 1;
  });
  const amountMicroYuan = sum(costs.map((cost) => cost.amountMicroYuan));
  return { costs, knownCount, amountMicroYuan };
}

function checkTerms(nowMs: number, given: readonly NewCost[]): void {
  const faults = given.flatMap(({ occurTimeMs, quantity, amountMicroYuan }, at) => {
    if (quantity === null && amountMicroYuan === null) {
      return [{ field: `costs[${at}].quantity`, rule: "is required without amount_micro_yuan" }];
    }
    const field = `costs[${at}].occur_time`;
    if (occurTimeMs > nowMs + AHEAD_MS) return [{ field, rule: "must not be in the future" }];
    const isOld = occurTimeMs < nowMs - COST_AGE_DAYS_MAX * DAY_MS;
    return isOld ? [{ field, rule: `must be within the last ${COST_AGE_DAYS_MAX} days` }] : [];
  });
  if (faults.length > 0) throw new BadField(faults.slice(0, FAULTS_MAX));
}

/** One answer names no more of them. */
const FAULTS_MAX = 30;

/** Whose it is: as the reservation says, or the only reservations of the task, or the caller. */
function allocate(facts: CostFacts, cost: NewCost, at: number): NewCost {
  const owner = ownerOf(facts, cost);
  if (owner === undefined) return cost;
  for (const field of ["userId", "featureId", "taskId"] as const) {
    if (cost[field] === null || cost[field] === owner[field]) continue;
    const word = { userId: "user_id", featureId: "feature_id", taskId: "task_id" }[field];
    const message = `costs[${at}].${word} isn't that of the reservation ${owner.reservationId}`;
    const index = String(at);
    throw new Refusal("COST_ALLOCATION_DIFFERS", message, { index, field: word });
  }
  const { userId, featureId, taskId } = owner;
  return { ...cost, userId, featureId, taskId };
}

function ownerOf({ reservations, ofTask }: CostFacts, cost: NewCost): CostOwner | undefined {
  if (cost.reservationId !== null) {
    const owner = reservations.get(cost.reservationId);
    if (owner === undefined) throw reservationNotFound(cost.reservationId);
    return owner;
  }
  if (cost.taskId === null) return undefined;
  // Task ids are the callers' own: two users may have the same, and a task may use several features.
  const fits = (ofTask.get(cost.taskId) ?? []).filter(
    ({ userId, featureId }) =>
      (cost.userId ?? userId) === userId && (cost.featureId ?? featureId) === featureId,
  );
  const owners = new Set(fits.map(({ userId, featureId }) => JSON.stringify([userId, featureId])));
  return owners.size === 1 ? fits[0] : undefined;
}

function price({ prices }: CostFacts, cost: NewCost, at: number): PricedCost {
  if (cost.amountMicroYuan !== null) return { ...cost, amountMicroYuan: cost.amountMicroYuan };
  const inForce = priceAt(prices.get(priceKey(cost)) ?? [], cost.occurTimeMs);
  if (inForce === undefined) {
    const { vendor, service } = cost;
    const message = `costs[${at}] has no amount, and no unit price was in force at its time`;
    throw new Refusal("COST_UNPRICED", message, { vendor, service });
  }
  return { ...cost, amountMicroYuan: amountOf(cost.quantity ?? 0n, inForce) };
}

function conflict({ vendor, externalId }: NewCost, before: MicroYuan, now: MicroYuan): Refusal {
  const message = `under this external id ${before} micro-yuan were recorded, and not ${now}`;
  return new Refusal("COST_CONFLICT", message, { vendor, externalId: externalId ?? "" });
}
