/** How much a seeded year has, and of which days. */
import { DAY_MS, HOUR_MS } from "../../billing/clock.ts";
import type { UserId } from "../../billing/id.ts";

export interface SeedYearSize {
  readonly members: number;
  /** Rows of `quota_logs`, nearly. */
  readonly movements: number;
  readonly orders: number;
  readonly costs: number;
  readonly days: number;
  /** The same number makes the same year. */
  readonly seed: number;
  /** The last day, of Asia/Shanghai, as YYYY-MM-DD. */
  readonly until: string;
}

export const FULL_YEAR: Omit<SeedYearSize, "until"> = {
  members: 20_000,
  movements: 5_000_000,
  orders: 60_000,
  costs: 3_000_000,
  days: 365,
  seed: 1,
};

/** A day of Asia/Shanghai. */
export interface SeedDay {
  /** From 0. */
  readonly number: number;
  readonly date: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** The days in their order. @throws RangeError where `until` is no date */
export function daysOf({ days, until }: Pick<SeedYearSize, "days" | "until">): SeedDay[] {
  const lastMs = Date.parse(`${until}T00:00:00+08:00`);
  if (Number.isNaN(lastMs)) throw new RangeError(`${until} is no date`);
  return Array.from({ length: days }, (_, number) => {
    const startMs = lastMs - (days - 1 - number) * DAY_MS;
    const date = new Date(startMs + 8 * HOUR_MS).toISOString().slice(0, 10);
    return { number, date, startMs, endMs: startMs + DAY_MS };
  });
}

/** The company opens on the third day; later nobody does anything on one day a month or so. */
export function isQuiet({ number }: Pick<SeedDay, "number">): boolean {
  return number < 2 || number % 31 === 5;
}

/** @param number from 1, in the order of registration */
export function memberId(seed: number, number: number): UserId {
  return `year${seed}-${String(number).padStart(6, "0")}` as UserId;
}

/** The first moment of the next day of Asia/Shanghai. */
export function nextMidnight(ms: number): number {
  return ms - ((ms + 8 * HOUR_MS) % DAY_MS) + DAY_MS;
}
