/**
 * Makes reports when it is their time: each day's at a time of the next day in Asia/Shanghai, and with a week's, month's or
 * year's last day that week's, month's and year's. What was missed while no server ran is made when one is back. The days of the last week
 * are made again each time: what came late gives them a new version, what says the same gives none.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { MINUTE_MS } from "../billing/clock.ts";
import { dayNumber, dayStartMs, dayText, daysOf, periodOf } from "../billing/report/days.ts";
import type { Period } from "../billing/report/document.ts";
import type { ReportKey } from "../billing/report/report.ts";
import type { JobTurns } from "../store/job-turns.ts";

/** How long the turn stays with a server that says nothing any more; it puts it off while it works. */
export const REPORT_LEASE_MS = 5 * MINUTE_MS;
/** How often a server asks whether anything is due. */
const LOOK_MS = MINUTE_MS;
/** Payments, refunds and bills come late by days, not by weeks. */
const LATE_DAYS = 7;
/** A longer silence is no outage: whoever wants those days asks for them. */
const CATCH_UP_DAYS_MAX = 400;

/** What is kept already. */
export interface KeptReports {
  /** The date of the newest day that has a report; null when none has. */
  lastDay(): Promise<string | null>;
  has(key: ReportKey): Promise<boolean>;
}

export interface ReportKeeperOptions {
  readonly turns: JobTurns;
  readonly kept: KeptReports;
  /** Makes it, and keeps it when it says something new. */
  readonly make: (key: ReportKey, signal: AbortSignal) => Promise<{ readonly unchanged: boolean }>;
  /** The database's time. */
  readonly now: () => Promise<number>;
  /** After midnight in Asia/Shanghai. */
  readonly timeOfDayMs: number;
  readonly observer: ReportObserver;
  readonly lookMs?: number;
}

/** Hears of reports. No call throws and none waits. */
export interface ReportObserver {
  made(key: ReportKey, unchanged: boolean, tookMs: number): void;
  /** It's tried again at the next look. */
  failed(key: ReportKey | undefined, fault: unknown): void;
}

export interface ReportKeeper {
  /** Looks now, or right after the look under way. */
  wake(): void;
  /** Ends after the report under way. */
  stop(): Promise<void>;
}

/** Days that are due and have no report, the earliest first. @param last the newest day that has one; null when none has */
export function dueDays(nowMs: number, timeOfDayMs: number, last: number | null): number[] {
  // Before its time of day the day before isn't due yet.
  const newest = dayNumber(nowMs - timeOfDayMs) - 1;
  const first = Math.max((last ?? newest - 1) + 1, newest - CATCH_UP_DAYS_MAX + 1);
  const days: number[] = [];
  for (let day = first; day <= newest; day++) days.push(day);
  return days;
}

/** The weeks, months and years that end with the day. */
export function periodsEndingOn(day: number): ReportKey[] {
  const lengths: readonly Period[] = ["WEEKLY", "MONTHLY", "YEARLY"];
  return lengths
    .map((period) => ({ period, date: periodOf(period, day) }))
    .filter(({ period, date }) => daysOf(period, date).end === day + 1);
}

export function startReportKeeper(options: ReportKeeperOptions): ReportKeeper {
  const { turns, observer, lookMs = LOOK_MS } = options;
  const stopping = new AbortController();
  let resting = new AbortController();
  const look = async () => {
    if (!(await isAnythingDue(options)) || !(await turns.take(0))) return;
    const beat = setInterval(() => void turns.renew().catch(() => {}), REPORT_LEASE_MS / 4);
    try {
      await makeDue(options, stopping.signal);
    } finally {
      clearInterval(beat);
      await turns.release();
    }
  };
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      resting = new AbortController();
      await look().catch((fault: unknown) => {
        if (!stopping.signal.aborted) observer.failed(undefined, fault);
      });
      const signal = AbortSignal.any([stopping.signal, resting.signal]);
      await sleep(lookMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    wake: () => resting.abort(),
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

async function due({ kept, now, timeOfDayMs }: ReportKeeperOptions): Promise<number[]> {
  const last = await kept.lastDay();
  const lastDay = last === null ? null : dayNumber(Date.parse(`${last}T00:00:00+08:00`));
  return dueDays(await now(), timeOfDayMs, lastDay);
}

async function isAnythingDue(options: ReportKeeperOptions): Promise<boolean> {
  return (await due(options)).length > 0;
}

/** Earlier days first: what users had at the begin of a day is what they had at the end of the one before. */
async function makeDue(options: ReportKeeperOptions, signal: AbortSignal): Promise<void> {
  const { kept } = options;
  const days = await due(options);
  const [first] = days;
  if (first === undefined) return;
  for (let day = first - LATE_DAYS; day < first; day++) {
    const key: ReportKey = { period: "DAILY", date: dayText(day) };
    if (dayStartMs(day) >= 0 && (await kept.has(key))) await makeOne(options, key, signal);
  }
  for (const day of days) {
    await makeOne(options, { period: "DAILY", date: dayText(day) }, signal);
    for (const key of periodsEndingOn(day)) await makeOne(options, key, signal);
  }
}

/** @throws what `make` throws: a later day isn't made before an earlier one */
async function makeOne(
  { make, observer }: ReportKeeperOptions,
  key: ReportKey,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const beganMs = performance.now();
  try {
    const { unchanged } = await make(key, signal);
    observer.made(key, unchanged, performance.now() - beganMs);
  } catch (fault) {
    if (!signal.aborted) observer.failed(key, fault);
    throw fault;
  }
}
