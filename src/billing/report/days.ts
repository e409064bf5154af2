/** Days of Asia/Shanghai as numbers, days and months as texts, and the periods of reports. */
import { addMonths, shanghaiDay } from "../calendar.ts";
import { DAY_MS, HOUR_MS } from "../clock.ts";
import type { Period } from "./document.ts";

const OFFSET_MS = 8 * HOUR_MS;

/** Days since 1970-01-01, of the moment in Asia/Shanghai. */
export function dayNumber(ms: number): number {
  return Math.floor((ms + OFFSET_MS) / DAY_MS);
}

/** The first moment of that day. */
export function dayStartMs(day: number): number {
  return day * DAY_MS - OFFSET_MS;
}

/** YYYY-MM-DD. */
export function dayText(day: number): string {
  return shanghaiDay(dayStartMs(day));
}

/** @param text a day of the calendar, YYYY-MM-DD */
export function dayOf(text: string): number {
  return Date.parse(`${text}T00:00:00Z`) / DAY_MS;
}

/** Days from `first` up to `end`, which isn't one of them. */
export interface DayRange {
  readonly first: number;
  readonly end: number;
}

const WEEK_DAYS = 7;
/** 1970-01-01 was a Thursday, the day that decides to which year a week belongs. */
const FIRST_MONDAY = -3;

/** The days of a period. @param date as its length wants it: YYYY-MM-DD, YYYY-Www, YYYY-MM or YYYY */
export function daysOf(period: Period, date: string): DayRange {
  if (period === "DAILY") return { first: dayOf(date), end: dayOf(date) + 1 };
  if (period === "WEEKLY") {
    // The week of January 4th is the first (ISO 8601).
    const first = mondayOf(dayOf(`${date.slice(0, 4)}-01-04`));
    const monday = first + (Number(date.slice(6)) - 1) * WEEK_DAYS;
    return { first: monday, end: monday + WEEK_DAYS };
  }
  const first = dayOf(period === "MONTHLY" ? `${date}-01` : `${date}-01-01`);
  const months = period === "MONTHLY" ? 1 : 12;
  return { first, end: dayNumber(addMonths(dayStartMs(first), months)) };
}

/** The Monday of the day's week. */
function mondayOf(day: number): number {
  return FIRST_MONDAY + Math.floor((day - FIRST_MONDAY) / WEEK_DAYS) * WEEK_DAYS;
}

/** The period of that length which the day is in. */
export function periodOf(period: Period, day: number): string {
  if (period === "WEEKLY") {
    const monday = mondayOf(day);
    const year = dayText(monday + 3).slice(0, 4);
    const week = (monday - daysOf("WEEKLY", `${year}-W01`).first) / WEEK_DAYS + 1;
    return `${year}-W${String(week).padStart(2, "0")}`;
  }
  const lengths = { DAILY: 10, MONTHLY: 7, YEARLY: 4 } as const;
  return dayText(day).slice(0, lengths[period]);
}
