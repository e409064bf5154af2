/**
 * Time. Decisions take the time as a value, in milliseconds since 1970 UTC, and every decision on
 * quota uses the database's clock: one clock for all servers. Days and months are Asia/Shanghai's.
 */

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
/** 24 hours; a day of Asia/Shanghai, which has had no daylight saving since 1991. */
export const DAY_MS = 24 * HOUR_MS;
