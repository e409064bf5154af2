/**
 * Tells what today has brought so far, as finance would see it, for metrics. To add a day up takes the database as long as a
 * report does, so one server at a time does it, and not often.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { MINUTE_MS } from "../billing/clock.ts";
import type { TodaySoFar } from "../billing/report/report.ts";

/** A database that takes seconds for it dies of nothing by this. */
export const TODAY_LEASE_MS = 5 * MINUTE_MS;
const INTERVAL_MS = 5 * MINUTE_MS;
/** How often a server asks whether it's its turn. */
const LOOK_MS = MINUTE_MS;

/** Whose turn it is; see JobTurns. */
export interface TodayTurns {
  take(intervalMs: number): Promise<boolean>;
  done(): Promise<void>;
  release(): Promise<void>;
}

/** Hears of today. No call throws and none waits. */
export interface TodayObserver {
  today(soFar: TodaySoFar): void;
  /** It's tried again at the next look. */
  todayFailed(fault: unknown): void;
}

export interface TodayWatchOptions {
  readonly turns: TodayTurns;
  readonly today: () => Promise<TodaySoFar>;
  readonly observer: TodayObserver;
  readonly intervalMs?: number;
  readonly lookMs?: number;
}

export interface TodayWatch {
  /** Ends after what is under way. */
  stop(): Promise<void>;
}

export function startTodayWatch(options: TodayWatchOptions): TodayWatch {
  const { turns, today, observer, intervalMs = INTERVAL_MS, lookMs = LOOK_MS } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const look = async () => {
    if (!(await turns.take(intervalMs))) return;
    try {
      observer.today(await today());
      await turns.done();
    } catch (fault) {
      await turns.release();
      throw fault;
    }
  };
  const loop = (async () => {
    while (!signal.aborted) {
      await look().catch((fault: unknown) => {
        if (!signal.aborted) observer.todayFailed(fault);
      });
      await sleep(lookMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}
