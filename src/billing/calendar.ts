/**
 * The calendar of Asia/Shanghai, without a library: eight hours ahead of UTC, and no daylight saving
 * since 1991 (IANA time zone database, zone Asia/Shanghai).
 */
import { HOUR_MS } from "./clock.ts";

const OFFSET_MS = 8 * HOUR_MS;

/**
 * The same day of the month and time of day some months later; the month's last day where it has no such
 * day. Count from the first moment, not from the result before: the 31st stays the 31st where it can.
 * @param months a whole number, from 0
 */
export function addMonths(anchorMs: number, months: number): number {
  const local = new Date(anchorMs + OFFSET_MS);
  const target = Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + months, 1);
  const month = new Date(target);
  const lastDay = new Date(
    Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 0),
  ).getUTCDate();
  const day = Math.min(local.getUTCDate(), lastDay);
  const timeOfDayMs =
    anchorMs +
    OFFSET_MS -
    Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate());
  return target + (day - 1) * 24 * HOUR_MS + timeOfDayMs - OFFSET_MS;
}

/** The moment as RFC 3339 text with the offset of Asia/Shanghai, to the second. */
export function shanghaiText(ms: number): string {
  return `${new Date(ms + OFFSET_MS).toISOString().slice(0, 19)}+08:00`;
}

/** The day in Asia/Shanghai, as YYYY-MM-DD. */
export function shanghaiDay(ms: number): string {
  return new Date(ms + OFFSET_MS).toISOString().slice(0, 10);
}
