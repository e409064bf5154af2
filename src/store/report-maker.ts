/** Reports, made and kept: facts under one snapshot, the document by pure rules, one version in one transaction. */
import { setTimeout as sleep } from "node:timers/promises";
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { dayDocument } from "../billing/report/day-report.ts";
import { dayNumber, dayOf, dayText, type DayRange } from "../billing/report/days.ts";
import { valueOf, type ReportDocument } from "../billing/report/document.ts";
import { periodDocument, type StoredDay } from "../billing/report/period-report.ts";
import {
  daysOver,
  type Generated,
  type ReportKey,
  type StoredReport,
  type TodaySoFar,
} from "../billing/report/report.ts";
import type { Command } from "../billing/quota/desk.ts";
import type { Served } from "../billing/quota/teller.ts";
import { cohortsOf } from "./cohorts.ts";
import { firstOpening, gatherDay, type Opening } from "./day-facts.ts";
import { healthOf, tellWeek } from "./weekly-health.ts";
import {
  changeOnce,
  jsonAnswers,
  type ChangeContext,
  type KeyedMethod,
  type Occasion,
} from "./operation-rows.ts";
import { readMoment } from "./quota-facts.ts";
import { findDays, findNewest, findNewestBefore, insertReport, sha256Of } from "./report-rows.ts";
import { reading, snapshot } from "./transaction.ts";

export interface ReportMakerOptions {
  /** Reads that take seconds run on it, and whoever is served uses another. */
  readonly orm: MikroORM;
  readonly context: ChangeContext;
  readonly vatBasisPoints: bigint;
}

/** As ReportMaker, but nobody waits in line: what calls it does one at a time. */
export interface ReportBooks {
  generate(command: Command<ReportKey>, signal?: AbortSignal): Promise<Generated>;
  today(): Promise<TodaySoFar>;
  /** The database's time. */
  now(): Promise<number>;
}

type Asked = Pick<Command<ReportKey>, "caller" | "validateOnly">;

interface Kept {
  readonly reportId: string;
  readonly unchanged: boolean;
}

const GENERATE: KeyedMethod<ReportKey, Kept> = {
  method: "GenerateReport",
  content: ({ period, date }) => ({ period, date }),
  answers: jsonAnswers(),
};

/** Days that ended longer ago take what users had from the day before, not from what they have now. */
const COUNTED_BACK_DAYS = 7;

export function createReportBooks(options: ReportMakerOptions): ReportBooks {
  return new Books(options);
}

class Books implements ReportBooks {
  readonly #options: ReportMakerOptions;

  constructor(options: ReportMakerOptions) {
    this.#options = options;
  }

  async now(): Promise<number> {
    const { orm, context } = this.#options;
    return (await reading(orm, (em) => readMoment(em, context))).nowMs;
  }

  async generate(command: Command<ReportKey>, signal?: AbortSignal): Promise<Generated> {
    const made: { document?: ReportDocument } = {};
    const make = async () => (made.document ??= await this.#documentFor(command.input, command));
    const { answer, replayed } = await this.#keep(command, make, signal);
    const { unchanged, reportId } = answer;
    const isPreview = command.validateOnly && !replayed && !unchanged;
    return isPreview
      ? { reportId: null, document: made.document ?? null, unchanged, replayed }
      : { reportId, document: null, unchanged, replayed };
  }

  async today(): Promise<TodaySoFar> {
    const timeMs = await this.now();
    const day = dayNumber(timeMs);
    return { date: dayText(day), timeMs, document: await this.#gather(day, undefined) };
  }

  async #documentFor(key: ReportKey, asked: Asked): Promise<ReportDocument> {
    const nowMs = await this.now();
    const { period } = key;
    const days = daysOver(key, nowMs);
    if (period === "DAILY") return this.#day(days.first, nowMs);
    const stored = await this.#daysFor(days, nowMs, asked);
    const { orm } = this.#options;
    if (period === "YEARLY") return periodDocument(period, stored);
    if (period === "WEEKLY") {
      const health = await reading(orm, (em) => healthOf(em, nowMs));
      return periodDocument(period, stored, { health });
    }
    const cohorts = await snapshot(orm, (em) => cohortsOf(em, days));
    return periodDocument(period, stored, { tables: [cohorts] });
  }

  /** Missing days first: a month is what its days say. A preview keeps none of them. */
  async #daysFor({ first, end }: DayRange, nowMs: number, asked: Asked): Promise<StoredDay[]> {
    const { orm } = this.#options;
    const kept = await reading(orm, (em) => findDays(em, dayText(first), dayText(end - 1)));
    const byDate = new Map<string, StoredDay>(kept.map((report) => [report.date, report]));
    const days: StoredDay[] = [];
    for (let day = first; day < end; day++) {
      const date = dayText(day);
      let stored = byDate.get(date);
      if (stored === undefined) {
        const document = await this.#day(day, nowMs);
        const input: ReportKey = { period: "DAILY", date };
        await this.#keep({ ...asked, input, idempotencyKey: null }, async () => document);
        stored = { date, document };
      }
      days.push(stored);
    }
    return days;
  }

  async #day(day: number, nowMs: number): Promise<ReportDocument> {
    const today = dayNumber(nowMs);
    const isOld = day < today - COUNTED_BACK_DAYS;
    const { orm } = this.#options;
    const opening = isOld ? await reading(orm, (em) => openingOf(em, day, today)) : undefined;
    return this.#gather(day, opening);
  }

  async #gather(day: number, opening: Opening | undefined): Promise<ReportDocument> {
    const { orm, vatBasisPoints } = this.#options;
    const options = { vatBasisPoints, opening };
    return dayDocument(await snapshot(orm, (em) => gatherDay(resting(em), day, options)));
  }

  /** A new version, or the newest where that says the same. */
  #keep(
    command: Command<ReportKey>,
    make: () => Promise<ReportDocument>,
    signal?: AbortSignal,
  ): Promise<Served<Kept>> {
    const { orm, context } = this.#options;
    const change = async (em: EntityManager, { nowMs, caller, newId }: Occasion) => {
      const document = await make();
      const newest = await findNewest(em, command.input);
      const contentSha256 = sha256Of(document);
      if (newest?.contentSha256 === contentSha256) {
        const answer = { reportId: newest.reportId, unchanged: true };
        return { answer, write: async () => {} };
      }
      const report: StoredReport = {
        ...command.input,
        reportId: newId("rpt"),
        version: (newest?.version ?? 0) + 1,
        supersedes: newest?.reportId ?? null,
        contentSha256,
        caller: caller.name,
        createTimeMs: nowMs,
        document,
      };
      const answer = { reportId: report.reportId, unchanged: false };
      const write = async () => {
        await insertReport(em, report);
        if (report.period === "WEEKLY") await tellWeek(em, report, newId("evt"));
      };
      return { answer, write };
    };
    return changeOnce(orm, context, GENERATE, command, change, signal);
  }
}

/**
 * The nearest earlier day of which it is known what users had at its begin: the day after a kept report's, or the first
 * of all. Undefined when it's nearer to count back from now.
 */
async function openingOf(
  em: EntityManager,
  day: number,
  today: number,
): Promise<Opening | undefined> {
  const first = await firstOpening(em);
  // Nothing had moved by then.
  if (first === undefined || first.day >= day) return { day, liability: 0n };
  const kept = await findNewestBefore(em, dayText(day));
  const opening =
    kept === undefined
      ? first
      : { day: dayOf(kept.date) + 1, liability: valueOf(kept.document, "quota.liability") };
  return day - opening.day <= today - day ? opening : undefined;
}

/** Rests after each statement, as long as it took times this: quota is reserved meanwhile on the same two cores. */
const REST = 1;

function resting(em: EntityManager): EntityManager {
  const execute = async (...words: Parameters<EntityManager["execute"]>): Promise<unknown> => {
    const beganMs = performance.now();
    const result: unknown = await em.execute(...words);
    await sleep((performance.now() - beganMs) * REST);
    return result;
  };
  return Object.create(em, { execute: { value: execute } }) as EntityManager;
}
