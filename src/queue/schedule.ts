/** When a delivery that failed is tried again. */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../billing/clock.ts";

/**
 * The pauses between attempts, as the Standard Webhooks convention proposes them: ten attempts in about
 * three days, so that a receiver which breaks on a Friday evening is mended in time.
 */
export const RETRY_SCHEDULE_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** A pause is longer by up to this part of it: what failed together doesn't come back together. */
const JITTER_PERCENT = 20;
const PERCENT = 100;

/**
 * The pause after an attempt that failed.
 * @param attempts how many there were, from 1
 * @param random from 0 up to 1
 * @returns milliseconds; undefined when it was the last one
 */
export function pauseAfter(
  schedule: readonly number[],
  attempts: number,
  random: number,
): number | undefined {
  const pauseMs = schedule[attempts - 1];
  return pauseMs === undefined
    ? undefined
    : Math.round(pauseMs * (1 + (random * JITTER_PERCENT) / PERCENT));
}
