/** Reports that are kept: how they are made, found and listed, and the ports behind which that happens. */
import type { Caller, UserId } from "../id.ts";
import type { Fen, QuotaUnits } from "../money.ts";
import type { Command } from "../quota/desk.ts";
import type { Page } from "../quota/reader.ts";
import { Refusal } from "../refusal.ts";
import type { MicroYuan } from "./cost.ts";
import { dayNumber, daysOf, type DayRange } from "./days.ts";
import type { Period, Report, ReportDocument, ReportHead } from "./document.ts";

/** Which report. */
export interface ReportKey {
  readonly period: Period;
  /** YYYY-MM-DD, YYYY-MM or YYYY. */
  readonly date: string;
}

export interface StoredReport extends Report {
  readonly caller: string;
}

export interface ReportListing extends ReportHead {
  readonly caller: string;
}

export interface Generated {
  /** Null for a preview of what isn't kept. */
  readonly reportId: string | null;
  /** What the preview says; null for what is kept. */
  readonly document: ReportDocument | null;
  /** The newest version says the same: it is that one. */
  readonly unchanged: boolean;
  readonly replayed: boolean;
}

/** Makes reports, one after the other. */
export interface ReportMaker {
  /**
   * @throws Refusal REPORT_PERIOD_NOT_BEGUN, OVERLOADED, IDEMPOTENCY_KEY_REUSED; the signal's reason
   */
  generate(command: Command<ReportKey>, signal?: AbortSignal): Promise<Generated>;
  /** What today says so far, by the database's clock. */
  today(signal?: AbortSignal): Promise<TodaySoFar>;
}

export interface TodaySoFar {
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly timeMs: number;
  readonly document: ReportDocument;
}

export interface ReportFilter {
  readonly period: Period | null;
  readonly date: string | null;
}

/** What a figure is made of: a row of a ledger, or a term of its formula. */
export interface FigureRow {
  readonly source: string;
  readonly rowId: string;
  readonly userId: string;
  readonly timeMs: number | null;
  readonly amount: bigint;
  readonly description: string;
}

/** What a day's figure is made of in the ledgers. */
export interface DayRows {
  readonly rows: readonly FigureRow[];
  /** What all rows together come to, where the figure is a balance, which has an opening too; null elsewhere. */
  readonly change: bigint | null;
}

export interface UserProfit {
  readonly userId: UserId;
  readonly salesFen: Fen;
  readonly refundedFen: Fen;
  readonly recognisedFen: Fen;
  readonly recognisedVatFen: Fen;
  readonly costMicroYuan: MicroYuan;
  readonly used: QuotaUnits;
  readonly grossFen: Fen;
}

export type TopOrder = "SALES" | "COST" | "USED" | "LOSS";

export interface ReportReader {
  findReport(reportId: string): Promise<StoredReport | undefined>;
  /** The newest version. */
  findNewest(key: ReportKey): Promise<StoredReport | undefined>;
  /** Newest made first. */
  listReports(
    filter: ReportFilter,
    page: Page<{ readonly reportId: string }>,
  ): Promise<ReportListing[]>;
  /** What a figure of a day is made of, by the rows' ids; undefined where it is made of other figures. */
  listDayRows(
    figureId: string,
    day: number,
    page: Page<{ readonly rowId: string }>,
  ): Promise<DayRows | undefined>;
  /** The newest daily reports of these days, by date. */
  listDays(days: DayRange): Promise<StoredReport[]>;
  /** Undefined when the user is unknown. */
  userProfit(userId: UserId, days: DayRange): Promise<UserProfit | undefined>;
  topUsers(order: TopOrder, days: DayRange, limit: number): Promise<UserProfit[]>;
}

/**
 * The days of a period that are over.
 * @throws Refusal REPORT_PERIOD_NOT_BEGUN when none is, or when the period is a day that isn't over
 */
export function daysOver({ period, date }: ReportKey, nowMs: number): DayRange {
  const { first, end } = daysOf(period, date);
  const over = { first, end: Math.min(end, dayNumber(nowMs)) };
  if (over.end > first) return over;
  const message = "no day of this period is over yet in Asia/Shanghai";
  throw new Refusal("REPORT_PERIOD_NOT_BEGUN", message, { period, date });
}

export function reportNotFound(facts: { readonly reportId: string } | { readonly date: string }) {
  return new Refusal("REPORT_NOT_FOUND", "there is no such report", { ...facts });
}

/** @throws Refusal REPORT_NOT_FOUND */
export async function getReport(
  reader: ReportReader,
  asked: string | ReportKey,
): Promise<StoredReport> {
  const found = await (typeof asked === "string"
    ? reader.findReport(asked)
    : reader.findNewest(asked));
  if (found !== undefined) return found;
  throw reportNotFound(typeof asked === "string" ? { reportId: asked } : { date: asked.date });
}

/** Who makes what nobody asked for by name. */
export const SCHEDULER: Caller = { name: "scheduler" };
