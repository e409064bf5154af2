/** What the console shows, as JSON: whole numbers are texts, since they may be larger than a browser's numbers. */
import type { AlertReader } from "../billing/alert/books.ts";
import { findRule } from "../billing/alert/rules.ts";
import { dayNumber, dayText } from "../billing/report/days.ts";
import type { Discrepancy } from "../billing/report/discrepancy.ts";
import type { DiscrepancyReader } from "../billing/report/discrepancy-books.ts";
import {
  tableOf,
  valueOf,
  type Period,
  type ReportDocument,
  type ReportHead,
} from "../billing/report/document.ts";
import { FIGURES, SERIES_FIGURES } from "../billing/report/figures.ts";
import type { ReportMaker, ReportReader, StoredReport } from "../billing/report/report.ts";
import { readable, unitOf } from "../report/format.ts";
import { columnName, nameOf, periodName, type Language } from "../report/words.ts";

export interface ConsoleSources {
  readonly maker: Pick<ReportMaker, "today">;
  readonly reader: Pick<ReportReader, "findReport" | "findNewest" | "listReports" | "listDays">;
  readonly alerts: Pick<AlertReader, "listAlerts">;
  readonly discrepancies: DiscrepancyReader;
}

/** Rows of a list; whoever wants more has gRPC. */
const ROWS_MAX = 50;
const COURSE_DAYS = 31;

export async function todayOf({ maker, reader }: ConsoleSources, language: Language) {
  const { date, timeMs, document } = await maker.today();
  const yesterday = await reader.findNewest({
    period: "DAILY",
    date: dayText(dayNumber(timeMs) - 1),
  });
  return {
    date,
    timeMs,
    figures: figuresOf(document, language, yesterday?.document),
    features: rowsOf(document, "margin.features", language),
    services: rowsOf(document, "costs.services", language),
  };
}

/** The last days that have reports, figure by figure, for charts: their heights may be rounded. */
export async function courseOf({ maker, reader }: ConsoleSources, language: Language) {
  const { timeMs } = await maker.today();
  const end = dayNumber(timeMs);
  const days = await reader.listDays({ first: end - COURSE_DAYS, end });
  return {
    days: days.map(({ date }) => date),
    series: SERIES_FIGURES.map((id) => {
      const { type } = FIGURES.find((figure) => figure.id === id)!;
      const divisor = type === "FEN" ? 100 : 1;
      const values = days.map(({ document }) => valueOf(document, id));
      return {
        id,
        name: nameOf(id, language),
        unit: unitOf(type, language),
        values: values.map((value) => Number(value) / divisor),
        shown: values.map((value) => readable(value, type)),
      };
    }),
  };
}

export async function reportsOf(
  { reader }: ConsoleSources,
  period: Period | null,
  language: Language,
) {
  const found = await reader.listReports({ period, date: null }, { after: null, limit: ROWS_MAX });
  return { reports: found.map((head) => headOf(head, language)) };
}

export async function reportOf(
  { reader }: ConsoleSources,
  reportId: string,
  language: Language,
): Promise<object | undefined> {
  const report: StoredReport | undefined = await reader.findReport(reportId);
  if (report === undefined) return undefined;
  const { document } = report;
  return {
    ...headOf(report, language),
    sections: document.sections.map(({ id, tables }) => ({
      id,
      name: nameOf(id, language),
      figures: figuresOf(document, language).filter((figure) => figure.id.startsWith(`${id}.`)),
      tables: tables.map((table) => ({
        id: table.id,
        name: nameOf(table.id, language),
        ...rowsOf(document, table.id, language),
      })),
    })),
  };
}

/** What is open, the newest first: alerts that nobody has looked at yet, and those that somebody has. */
export async function alertsOf({ alerts }: ConsoleSources, language: Language) {
  const open = (state: "OPEN" | "ACKNOWLEDGED") =>
    alerts.listAlerts(
      { state, ruleId: null, subject: null, severity: null },
      { after: null, limit: ROWS_MAX },
    );
  const found = [...(await open("OPEN")), ...(await open("ACKNOWLEDGED"))];
  return {
    alerts: found.map(({ alertId, ruleId, subject, period, severity, state, ...alert }) => {
      const rule = findRule(ruleId);
      const title = rule?.title[language] ?? ruleId;
      const observed = alert.observed.toString();
      const { seenTimeMs } = alert;
      return { alertId, ruleId, title, subject, period, severity, state, observed, seenTimeMs };
    }),
  };
}

/** Differences with bills that nobody has settled yet, the newest first. */
export async function discrepanciesOf({ discrepancies }: ConsoleSources) {
  const none = { startDate: null, endDate: null, kind: null, source: null, orderId: null };
  const standing = (state: "OPEN" | "ASSIGNED") =>
    discrepancies.listDiscrepancies({ ...none, state }, { after: null, limit: ROWS_MAX });
  const found = [...(await standing("OPEN")), ...(await standing("ASSIGNED"))];
  return { discrepancies: found.map(shownDiscrepancy) };
}

function shownDiscrepancy({ discrepancyId, billDate, kind, state, ...found }: Discrepancy) {
  const yuan = (fen: bigint | null, microYuan: bigint | null) => {
    if (fen !== null) return readable(fen, "FEN");
    return microYuan === null ? null : readable(microYuan, "MICRO_YUAN");
  };
  return {
    id: discrepancyId,
    billDate,
    kind,
    state,
    about: found.vendor === null ? found.orderId : `${found.vendor} ${found.service ?? ""}`,
    here: yuan(found.amountHereFen, found.amountHereMicroYuan),
    there: yuan(found.amountThereFen, found.amountThereMicroYuan),
  };
}

function headOf(head: ReportHead, language: Language) {
  const { reportId, period, date, version, supersedes, createTimeMs, contentSha256 } = head;
  const name = `${periodName(period, language)} ${date}`;
  return { reportId, period, name, date, version, supersedes, createTimeMs, contentSha256 };
}

function figuresOf(document: ReportDocument, language: Language, before?: ReportDocument) {
  return document.sections.flatMap(({ figures }) =>
    figures.map(({ id, type, value }) => ({
      id,
      name: nameOf(id, language),
      unit: unitOf(type, language),
      value: value === null ? null : readable(value, type),
      isNegative: value !== null && value < 0n,
      before: before === undefined ? null : readable(valueOf(before, id), type),
    })),
  );
}

function rowsOf(document: ReportDocument, id: string, language: Language) {
  const table = tableOf(document, id);
  return {
    columns: (table?.columns ?? []).map(({ id: column, type }) => ({
      name: columnName(column, language),
      unit: type === "FEN" || type === "MICRO_YUAN" ? unitOf(type, language) : "",
      isText: type === "TEXT" || type === "DAY" || type === "MONTH",
    })),
    rows: (table?.rows ?? []).slice(0, ROWS_MAX).map((row) =>
      row.map((cell, at) => {
        if (cell === null || typeof cell === "string") return cell;
        const { type } = table!.columns[at]!;
        return type === "TEXT" || type === "DAY" || type === "MONTH"
          ? String(cell)
          : readable(cell, type);
      }),
    ),
  };
}
