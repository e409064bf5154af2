/** Which days' bills are to be checked, and when. */
import { shanghaiDay } from "../calendar.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../clock.ts";

/** Bills can be had from ten o'clock of the next day; ten minutes more, and few are still being made. */
const READY_AFTER_MS = DAY_MS + 10 * HOUR_MS + 10 * MINUTE_MS;
/** The provider keeps bills for three months, which have 89 days at least. */
export const BILL_DAYS_MAX = 89;

/** The newest day whose bill should be there. */
export function readyDate(nowMs: number): string {
  return shanghaiDay(nowMs - READY_AFTER_MS);
}

/** The oldest day whose bill can still be had. */
export function oldestDate(nowMs: number): string {
  return shanghaiDay(nowMs - BILL_DAYS_MAX * DAY_MS);
}

/**
 * The days to be put on the list, oldest first: all that are ready, from the first day of business on.
 * @param known the days on the list
 * @param firstOrderMs when the first order was made; null while there is none
 */
export function datesToAdd(
  nowMs: number,
  known: ReadonlySet<string>,
  firstOrderMs: number | null,
): string[] {
  const ready = readyDate(nowMs);
  const firstOrder = firstOrderMs === null ? ready : shanghaiDay(firstOrderMs);
  const first = [ready, firstOrder, ...known].sort()[0]!;
  const oldest = oldestDate(nowMs);
  const dates: string[] = [];
  for (let date = first < oldest ? oldest : first; date <= ready; date = nextDate(date)) {
    if (!known.has(date)) dates.push(date);
  }
  return dates;
}

function nextDate(date: string): string {
  return shanghaiDay(Date.parse(`${date}T00:00:00+08:00`) + DAY_MS);
}

/** The pauses before a bill is asked for again: most that are late come within the hour. */
const PAUSES_MS: readonly number[] = [
  ...Array.from({ length: 6 }, () => 10 * MINUTE_MS),
  30 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  6 * HOUR_MS,
];

/** @param attempts how often it was tried, from 1 */
export function billPauseMs(attempts: number): number {
  return PAUSES_MS[Math.min(Math.max(attempts, 1), PAUSES_MS.length) - 1]!;
}

/** The list of days, which servers share. */
export interface BillDays {
  /** Puts days on the list that are ready and not on it. */
  add(): Promise<void>;
  /**
   * Takes the oldest day that is due, which nobody else is given for a while.
   * @param leaseMs when whoever took it is taken for dead
   */
  takeDue(leaseMs: number): Promise<DueDay | undefined>;
  /** Its bill is checked. */
  finish(date: string, note: string): Promise<void>;
  /** It is to be tried again, after a pause. */
  putOff(date: string, pauseMs: number, note: string): Promise<void>;
  /** How many days wait for their bill. */
  waiting(): Promise<number>;
}

export interface DueDay {
  readonly date: string;
  /** Which try this is, from 1. */
  readonly attempt: number;
}
