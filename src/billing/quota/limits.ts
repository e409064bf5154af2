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
    if (use.held) inFlight += 1;
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
 */
export function brokenLimits(
  userId: UserId,
  feature: Feature,
  uses: readonly Use[],
  quantity: number,
  nowMs: number,
): Refusal[] {
  const policy = feature.rateLimitPolicy;
  if (policy === null) return [];
  const usage = usageAt(uses, nowMs);
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
    const retryAfterMs = cooledDownMs - nowMs;
    broken.push(new Refusal("COOLDOWN_ACTIVE", message, { ...facts, ...more }, { retryAfterMs }));
  }
  const hour = { name: "hour", lengthMs: HOUR_WINDOW_MS, max: policy.maxPerHour };
  const day = { name: "day", lengthMs: DAY_WINDOW_MS, max: policy.maxPerDay };
  for (const window of [hour, day]) {
    const used = window === hour ? usage.lastHour : usage.lastDay;
    if (window.max === 0 || used + quantity <= window.max) continue;
    const message = `the feature allows ${window.max} uses an ${window.name}`.replace("an day", "a day");
    const more = { window: window.name, max: String(window.max), used: String(used) };
    const retryAfterMs = untilItFits(uses, quantity, window, nowMs);
    broken.push(new Refusal("RATE_LIMITED", message, { ...facts, ...more }, { retryAfterMs }));
  }
  return broken;
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
