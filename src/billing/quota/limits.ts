/**
 * Limits of use: sliding windows over the last hour and the last day, an exact cooldown, and a bound
 * on open holds. They are decided from the stored reservations under the lock of the user's row, so
 * they hold with any number of servers and without Redis.
 */
import { SECOND_MS } from "../clock.ts";
import type { Feature } from "../catalog/feature.ts";
import type { UserId } from "../id.ts";
import { Refusal } from "../refusal.ts";
import type { Use } from "./account.ts";
import { DAY_WINDOW_MS, HOUR_WINDOW_MS, type UsageTrace } from "./reservation.ts";

/** What the limits see at one moment. A use leaves a window exactly when it is as old as the window. */
export function usageAt(uses: readonly Use[], nowMs: number): UsageTrace {
  let lastHour = 0;
  let lastDay = 0;
  let inFlight = 0;
  let lastStartMs: number | null = null;
  for (const use of uses) {
    // An overdue hold is as good as ended: a limit must not depend on when a sweeper runs.
    if (use.heldUntilMs !== null && nowMs < use.heldUntilMs) inFlight += 1;
    if (!use.counts) continue;
    // No upper bound: after the clock stepped back, uses "of the future" still count.
    if (use.startMs > nowMs - HOUR_WINDOW_MS) lastHour += use.quantity;
    if (use.startMs > nowMs - DAY_WINDOW_MS) {
      lastDay += use.quantity;
      if (lastStartMs === null || use.startMs > lastStartMs) lastStartMs = use.startMs;
    }
  }
  return { lastHour, lastDay, inFlight, lastStartMs };
}

/**
 * Every limit that `quantity` further uses would break, in order of precedence: open holds, cooldown,
 * hour, day.
 * @param earlier what the lines before this one would use at this very moment, in the same request
 */
export function brokenLimits(
  userId: UserId,
  feature: Feature,
  uses: readonly Use[],
  quantity: number,
  nowMs: number,
  earlier: readonly Use[] = [],
): Refusal[] {
  const policy = feature.rateLimitPolicy;
  if (policy === null) return [];
  const usage = usageAt([...uses, ...earlier], nowMs);
  const facts = { userId, featureId: feature.featureId };
  const broken: Refusal[] = [];
  if (policy.maxInFlight > 0 && usage.inFlight >= policy.maxInFlight) {
    const message = `the feature allows ${policy.maxInFlight} open holds at one time`;
    const more = { max: String(policy.maxInFlight), inFlight: String(usage.inFlight) };
    broken.push(new Refusal("IN_FLIGHT_LIMITED", message, { ...facts, ...more }));
  }
  const cooledDownMs = (usage.lastStartMs ?? -Infinity) + policy.cooldownSeconds * SECOND_MS;
  if (policy.cooldownSeconds > 0 && nowMs < cooledDownMs) {
    const message = `${policy.cooldownSeconds} seconds must pass between two uses`;
    const more = { cooldownSeconds: String(policy.cooldownSeconds) };
    // Two lines of one request begin together whenever it is sent again.
    const retryAfterMs = earlier.length > 0 ? undefined : cooledDownMs - nowMs;
    broken.push(new Refusal("COOLDOWN_ACTIVE", message, { ...facts, ...more }, { retryAfterMs }));
  }
  const hour = { name: "an hour", lengthMs: HOUR_WINDOW_MS, max: policy.maxPerHour };
  const day = { name: "a day", lengthMs: DAY_WINDOW_MS, max: policy.maxPerDay };
  const full = [hour, day].filter(
    (window) => window.max > 0 && usedIn(window, usage) + quantity > window.max,
  );
  const together = earlier.reduce((total, use) => total + use.quantity, quantity);
  const retryAfterMs = longest(full.map((window) => untilItFits(uses, together, window, nowMs)));
  for (const window of full) {
    const message = `the feature allows ${window.max} uses ${window.name}`;
    const used = String(usedIn(window, usage));
    const more = { window: window === hour ? "hour" : "day", max: String(window.max), used };
    broken.push(new Refusal("RATE_LIMITED", message, { ...facts, ...more }, { retryAfterMs }));
  }
  return broken;
}

function usedIn({ lengthMs }: { lengthMs: number }, usage: UsageTrace): number {
  return lengthMs === HOUR_WINDOW_MS ? usage.lastHour : usage.lastDay;
}

/** The wait after which all windows have room; undefined when one of them never has. */
function longest(waits: readonly (number | undefined)[]): number | undefined {
  return waits.reduce(
    (all, wait) => (all === undefined || wait === undefined ? undefined : Math.max(all, wait)),
    0,
  );
}

/** Milliseconds until enough uses have left the window; undefined when it can never fit. */
function untilItFits(
  uses: readonly Use[],
  quantity: number,
  window: { lengthMs: number; max: number },
  nowMs: number,
): number | undefined {
  if (quantity > window.max) return undefined;
  const inside = uses
    .filter((use) => use.counts && use.startMs > nowMs - window.lengthMs)
    .sort((left, right) => left.startMs - right.startMs);
  let used = inside.reduce((total, use) => total + use.quantity, 0);
  for (const use of inside) {
    used -= use.quantity;
    if (used + quantity <= window.max) return use.startMs + window.lengthMs - nowMs;
  }
  return undefined;
}
