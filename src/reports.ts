/** Reports, put together for a server: made one after the other, on connections of their own. */
import { randomUUID } from "node:crypto";
import { MINUTE_MS } from "./billing/clock.ts";
import { Refusal } from "./billing/refusal.ts";
import { SCHEDULER, type ReportMaker, type ReportReader } from "./billing/report/report.ts";
import { REPORT_LEASE_MS, startReportKeeper, type ReportObserver } from "./job/report-keeper.ts";
import { startTodayWatch, TODAY_LEASE_MS, type TodayObserver } from "./job/today-watch.ts";
import { dailyAt, openReportClock } from "./queue/report-clock.ts";
import { createTurns } from "./review/turns.ts";
import { createJobTurns } from "./store/job-turns.ts";
import type { ChangeContext } from "./store/operation-rows.ts";
import { closeOrm, openOrm, type OrmOptions } from "./store/orm.ts";
import { createReportBooks, type ReportBooks } from "./store/report-maker.ts";
import { inTransaction } from "./store/transaction.ts";
import { createReportReader, keptIn } from "./store/report-reader.ts";

/** One keeps what is made and one reads for it; two are for whoever looks what figures are made of. */
export const REPORT_CONNECTIONS = 4;
/** A day of a very large database takes its time; nobody who is served waits for it. */
const STATEMENT_TIMEOUT_MS = 10 * MINUTE_MS;
/** Two cores are for quota: one report at a time. */
const AT_ONCE = 1;
const WAITING_MAX = 20;
const RETRY_MS = 5_000;
/** Whoever looks at today's figures every second costs no more than who looks every quarter of a minute. */
const TODAY_MS = 15_000;

/** When days get their reports by themselves. */
export interface ReportTimes {
  /** After midnight in Asia/Shanghai. */
  readonly timeOfDayMs: number;
  /** Undefined: the servers look by themselves, once a minute. */
  readonly redisUrl?: string | undefined;
  readonly observer: ReportObserver & TodayObserver;
  /** How often a server looks when nobody wakes it; once a minute when absent. */
  readonly lookMs?: number;
  /** How often today's figures are told; every five minutes when absent. */
  readonly todayIntervalMs?: number;
}

export interface ReportsOptions {
  readonly database: Pick<OrmOptions, "url" | "tls" | "warn">;
  /** For short reads. */
  readonly orm: Parameters<typeof createReportReader>[0]["orm"];
  readonly context: ChangeContext;
  readonly vatBasisPoints: bigint;
}

export interface RunningReports {
  readonly maker: ReportMaker;
  readonly reader: ReportReader;
  /** Begins to make reports when it is their time. */
  schedule(times: ReportTimes): void;
  close(): Promise<void>;
}

const JOB = "reports";
const TODAY_JOB = "today-figures";

export async function openReports(options: ReportsOptions): Promise<RunningReports> {
  const { database, orm, context, vatBasisPoints } = options;
  const slowOrm = await openOrm({
    ...database,
    poolMax: REPORT_CONNECTIONS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  const books = inTurn(createReportBooks({ orm: slowOrm, context, vatBasisPoints }));
  const reader = createReportReader({ orm, slowOrm, vatBasisPoints });
  const scheduled: (() => Promise<void>)[] = [];
  return {
    maker: books,
    reader,
    schedule({ redisUrl, timeOfDayMs, todayIntervalMs, ...times }) {
      const keeper = startReportKeeper({
        ...times,
        timeOfDayMs,
        turns: createJobTurns(slowOrm, { job: JOB, owner: randomUUID(), leaseMs: REPORT_LEASE_MS }),
        kept: keptIn(orm),
        now: () => books.now(),
        make: (input, signal) => {
          const command = { input, idempotencyKey: null, caller: SCHEDULER, validateOnly: false };
          return books.generate(command, signal);
        },
      });
      scheduled.push(() => keeper.stop());
      const turn = { job: TODAY_JOB, owner: randomUUID(), leaseMs: TODAY_LEASE_MS };
      const turns = createJobTurns(slowOrm, turn);
      const watch = startTodayWatch({
        turns: { ...turns, done: async () => void (await inTransaction(slowOrm, turns.finish)) },
        today: () => books.today(),
        observer: times.observer,
        ...(todayIntervalMs !== undefined && { intervalMs: todayIntervalMs, lookMs: todayIntervalMs }),
      });
      scheduled.push(() => watch.stop());
      if (redisUrl === undefined) return;
      const failed = (fault: unknown) => times.observer.failed(undefined, fault);
      const ring = () => keeper.wake();
      const clock = openReportClock({ url: redisUrl, pattern: dailyAt(timeOfDayMs), ring, failed });
      scheduled.unshift(() => clock.close());
    },
    async close() {
      books.stop();
      for (const close of scheduled) await close();
      await closeOrm(slowOrm);
    },
  };
}

/** One report after the other, and today's figures kept for some seconds. */
function inTurn(books: ReportBooks): ReportBooks & ReportMaker & { stop(): void } {
  const turns = createTurns(AT_ONCE, WAITING_MAX, RETRY_MS);
  const closing = new AbortController();
  let today:
    { readonly atMs: number; readonly soFar: ReturnType<ReportBooks["today"]> } | undefined;
  return {
    now: () => books.now(),
    generate(command, signal) {
      const ending =
        signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
      return turns.run(() => books.generate(command, ending), ending);
    },
    today() {
      if (today === undefined || performance.now() - today.atMs > TODAY_MS) {
        const soFar = books.today();
        today = { atMs: performance.now(), soFar };
        // A failure is told to who waits, and tried again by the next.
        soFar.catch(() => (today = undefined));
      }
      return today.soFar;
    },
    stop: () => closing.abort(new Refusal("DRAINING", "this server is shutting down", {})),
  };
}
