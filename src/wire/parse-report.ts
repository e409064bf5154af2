/** Requests about reports as commands and queries of the domain. */
import type { Caller, UserId } from "../billing/id.ts";
import type { Command } from "../billing/quota/desk.ts";
import { dayOf, daysOf, periodOf, type DayRange } from "../billing/report/days.ts";
import type { Period } from "../billing/report/document.ts";
import type { ReportFilter, ReportKey, TopOrder } from "../billing/report/report.ts";
import type * as wire from "../gen/billing/report/v1/report_service.ts";
import type { ExportFormat } from "../report/export.ts";
import type { Language } from "../report/words.ts";
import { EXPORT_FORMATS, LANGUAGES, PERIODS, TOP_ORDERS } from "./enums.ts";
import { FieldCheck, ifGiven } from "./field.ts";
import type { ListRequest } from "./list-quota.ts";
import { readPage, type ListKey } from "./page-token.ts";
import { readDay, readMonth } from "./parse-cost.ts";

/** As report_service.proto states them. */
const PROFIT_DAYS_MAX = 366;
const TOP_DAYS_MAX = 31;
const TOP_LIMIT = { min: 1, max: 100 };
const TOP_LIMIT_DEFAULT = 20;
const WEEK = /^[12]\d{3}-W(?:0[1-9]|[1-4]\d|5[0-3])$/;
const YEAR = /^[12]\d{3}$/;
const FIGURE = /^[a-z_]{1,30}\.[a-z_]{1,60}$/;

export function parseGenerate(
  request: wire.GenerateReportRequest,
  caller: Caller,
): Command<ReportKey> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const period: Period = check.oneOf("period", PERIODS, request.period);
  const input = { period, date: readDate(check, period, request.date) };
  check.done();
  return { idempotencyKey, input, caller, validateOnly: request.validateOnly };
}

/** The date as the period's length wants it. */
function readDate(check: FieldCheck, period: Period | null, date: string): string {
  if (date !== "" && period === "MONTHLY") return readMonth(check, "date", date);
  if (date !== "" && period === "DAILY") return readDay(check, "date", date);
  if (period === "YEARLY" && YEAR.test(date)) return date;
  if (period === "WEEKLY" && WEEK.test(date) && isWeek(date)) return date;
  const rule = "YYYY-MM-DD for a day, YYYY-Www for a week, YYYY-MM for a month, YYYY for a year";
  if (date === "") check.refuse("date", `is required: ${rule}`);
  else if (period === "YEARLY" || period === "WEEKLY") check.refuse("date", `must be ${rule}`);
  return date;
}

/** Not every year has a 53rd week. */
function isWeek(date: string): boolean {
  return periodOf("WEEKLY", daysOf("WEEKLY", date).first) === date;
}

/** The report's id, or which period's newest version. */
export function parseGetReport(request: wire.GetReportRequest): string | ReportKey {
  const check = new FieldCheck();
  if (request.reportId !== "") {
    const reportId = check.sourceId("report_id", request.reportId);
    if (request.period !== 0) check.refuse("period", "must be left out together with report_id");
    if (request.date !== "") check.refuse("date", "must be left out together with report_id");
    check.done();
    return reportId;
  }
  const period: Period | null = check.optionalOneOf("period", PERIODS, request.period);
  if (period === null) check.refuse("period", "is required without report_id");
  const date = readDate(check, period, request.date);
  check.done();
  return { period: period!, date };
}

export function parseExport(request: wire.ExportReportRequest): {
  readonly reportId: string;
  readonly format: ExportFormat;
  readonly language: Language;
} {
  const check = new FieldCheck();
  const reportId = check.sourceId("report_id", request.reportId);
  const format: ExportFormat = check.oneOf("format", EXPORT_FORMATS, request.format);
  const language = check.optionalOneOf("language", LANGUAGES, request.language);
  check.done();
  return { reportId, format, language: language === "ZH" ? "zh" : "en" };
}

const REPORTS: ListKey<{ readonly reportId: string }> = {
  list: "ListReports",
  write: ({ reportId }) => [reportId],
  read: ([reportId]) => (reportId === undefined ? undefined : { reportId }),
};

export function parseListReports(
  request: wire.ListReportsRequest,
): ListRequest<ReportFilter, { readonly reportId: string }> {
  const check = new FieldCheck();
  const period: Period | null = check.optionalOneOf("period", PERIODS, request.period);
  if (request.date !== "" && period === null) check.refuse("period", "is required with date");
  const date = ifGiven(request.date, (text) => readDate(check, period, text));
  const filter = { period, date };
  const paging = readPage(check, request, REPORTS, filter);
  check.done();
  return { filter, paging };
}

const ROWS: ListKey<{ readonly rowId: string }> = {
  list: "ListReportRows",
  write: ({ rowId }) => [rowId],
  read: ([rowId]) => (rowId === undefined ? undefined : { rowId }),
};

export function parseListRows(request: wire.ListReportRowsRequest) {
  const check = new FieldCheck();
  const reportId = check.sourceId("report_id", request.reportId);
  const { figureId } = request;
  if (!FIGURE.test(figureId)) {
    const rule = "a figure of the report, such as revenue.sales";
    check.refuse("figure_id", figureId === "" ? `is required: ${rule}` : `must be ${rule}`);
  }
  const filter = { reportId, figureId };
  const paging = readPage(check, request, ROWS, filter);
  check.done();
  return { filter, paging };
}

export function parseUserProfit(request: wire.GetUserProfitRequest): {
  readonly userId: UserId;
  readonly days: DayRange;
} {
  const check = new FieldCheck();
  const userId = check.userId("user_id", request.userId);
  const days = readDays(check, request, PROFIT_DAYS_MAX);
  check.done();
  return { userId, days };
}

export function parseTopUsers(request: wire.ListTopUsersRequest) {
  const check = new FieldCheck();
  const order: TopOrder = check.oneOf("order", TOP_ORDERS, request.order);
  const days = readDays(check, request, TOP_DAYS_MAX);
  const asked = request.limit === 0 ? TOP_LIMIT_DEFAULT : request.limit;
  const limit = check.int("limit", asked, TOP_LIMIT, TOP_LIMIT_DEFAULT);
  check.done();
  return { order, days, limit };
}

interface Days {
  readonly firstDay: string;
  readonly lastDay: string;
}

function readDays(check: FieldCheck, { firstDay, lastDay }: Days, max: number): DayRange {
  const first = dayOf(readDay(check, "first_day", firstDay));
  const end = dayOf(readDay(check, "last_day", lastDay)) + 1;
  // Days that are none were refused already, and compare with nothing.
  if (end <= first) check.refuse("last_day", "must not be before first_day");
  if (end - first > max) check.refuse("last_day", `must make at most ${max} days`);
  return { first, end };
}
