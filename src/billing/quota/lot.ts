/** Lots: granted quota with its own priority, life and lawful source. */
import { DAY_MS } from "../clock.ts";
import type { GrantId, UserId } from "../id.ts";
import { smaller, sum, type QuotaUnits } from "../money.ts";
import { assert } from "../refusal.ts";

/** SCHEDULED: not effective yet. OPEN: can be drawn. EXHAUSTED: all drawn. EXPIRED: its time is over. */
export type LotState = "SCHEDULED" | "OPEN" | "EXHAUSTED" | "EXPIRED";

/** What made the quota lawful. Quota never appears without one of these. */
export type SourceKind = "TRIAL" | "ORDER" | "CAMPAIGN" | "ADJUSTMENT";

export interface Lot {
  readonly grantId: GrantId;
  readonly userId: UserId;
  /** Granted. */
  readonly amount: QuotaUnits;
  /** Left, holds not included. Only postings change it. */
  remaining: QuotaUnits;
  /** 0 is drawn first, 100 last. */
  readonly priority: number;
  readonly effectiveTimeMs: number;
  /** Null: never lapses. Moves only by the grace for quota that comes back too late. */
  expireTimeMs: number | null;
  readonly sourceKind: SourceKind;
  readonly sourceId: string;
  state: LotState;
  readonly createTimeMs: number;
}

/** A part of a reservation and the lot it was drawn from. */
export interface Allocation {
  readonly grantId: GrantId;
  readonly amount: QuotaUnits;
}

/** The draw order of a lot whose source names none. */
export const PRIORITY_DEFAULT = 50;
export const PRIORITY_MAX = 100;

/**
 * How long quota can be used that came back to a lot whose time was over: a user whose task failed
 * on the last evening gets three days to use what came back.
 */
export const RETURN_GRACE_MS = 3 * DAY_MS;

/** The draw order: priority, then soonest expiry, then oldest, then id. */
export function byDrawOrder(left: Lot, right: Lot): number {
  return (
    left.priority - right.priority ||
    // Two lots that never lapse give NaN here, which `||` passes over as it does 0.
    (left.expireTimeMs ?? Infinity) - (right.expireTimeMs ?? Infinity) ||
    left.createTimeMs - right.createTimeMs ||
    (left.grantId < right.grantId ? -1 : left.grantId > right.grantId ? 1 : 0)
  );
}

/** True when the lot can be drawn from at that time. */
export function isLive(lot: Lot, nowMs: number): boolean {
  return lot.state === "OPEN" && (lot.expireTimeMs === null || nowMs < lot.expireTimeMs);
}

/** What can be drawn at that time from all of the lots together. */
export function liveTotal(lots: readonly Lot[], nowMs: number): QuotaUnits {
  return sum(lots.filter((lot) => isLive(lot, nowMs)).map((lot) => lot.remaining));
}

/** The soonest end of a live lot, and how much ends then; null when nothing lapses. */
export function nextExpiry(
  lots: readonly Lot[],
  nowMs: number,
): { timeMs: number; amount: QuotaUnits } | null {
  let next: { timeMs: number; amount: QuotaUnits } | null = null;
  for (const lot of lots) {
    if (!isLive(lot, nowMs) || lot.expireTimeMs === null || lot.remaining === 0n) continue;
    if (next === null || lot.expireTimeMs < next.timeMs) {
      next = { timeMs: lot.expireTimeMs, amount: lot.remaining };
    } else if (lot.expireTimeMs === next.timeMs) {
      next.amount += lot.remaining;
    }
  }
  return next;
}

/**
 * Draws an amount from live lots in draw order. `drawn` says what earlier lines of the same decision
 * have taken already, and learns what this one takes. The caller has checked that there is enough.
 */
export function draw(
  lots: readonly Lot[],
  amount: QuotaUnits,
  nowMs: number,
  drawn: Map<GrantId, QuotaUnits>,
): Allocation[] {
  const allocations: Allocation[] = [];
  let missing = amount;
  for (const lot of lots.filter((candidate) => isLive(candidate, nowMs)).sort(byDrawOrder)) {
    if (missing === 0n) break;
    const before = drawn.get(lot.grantId) ?? 0n;
    const taken = smaller(lot.remaining - before, missing);
    if (taken <= 0n) continue;
    drawn.set(lot.grantId, before + taken);
    allocations.push({ grantId: lot.grantId, amount: taken });
    missing -= taken;
  }
  assert(missing === 0n, "a draw was checked against the balance before");
  return allocations;
}

/** The first `amount` of the allocations, in their order: what a partial commit spends. */
export function headOf(allocations: readonly Allocation[], amount: QuotaUnits): Allocation[] {
  return split(allocations, amount).head;
}

/** The allocations without their first `amount`: what a partial commit gives back. */
export function tailOf(allocations: readonly Allocation[], amount: QuotaUnits): Allocation[] {
  return split(allocations, amount).tail;
}

function split(allocations: readonly Allocation[], amount: QuotaUnits) {
  const head: Allocation[] = [];
  const tail: Allocation[] = [];
  let left = amount;
  for (const { grantId, amount: whole } of allocations) {
    const first = smaller(whole, left);
    left -= first;
    if (first > 0n) head.push({ grantId, amount: first });
    if (whole > first) tail.push({ grantId, amount: whole - first });
  }
  assert(left === 0n, "no more is split off than there is");
  return { head, tail };
}
