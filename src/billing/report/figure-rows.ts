/** ListReportRows: what a figure is made of, down to the rows of the ledgers. */
import type { Page } from "../quota/reader.ts";
import { BadField } from "../refusal.ts";
import { dayOf, daysOf } from "./days.ts";
import { figureOf, type ReportDocument } from "./document.ts";
import { FIGURES } from "./figures.ts";
import { getReport, type FigureRow, type ReportReader, type StoredReport } from "./report.ts";

type RowPage = Page<{ readonly rowId: string }>;

/** Figures that follow from others: the others, each with how it counts. */
const TERMS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  "revenue.net": [
    ["revenue.sales", "added"],
    ["revenue.refunded", "subtracted"],
  ],
  "revenue.vat": [["revenue.net", "VAT is contained in it"]],
  "revenue.recognised_vat": [["revenue.recognised", "VAT is contained in it"]],
  "costs.bills_missing": [["costs.payment_fees", "not known without the bill"]],
  "costs.total": [
    ["costs.vendors", "added, rounded to fen"],
    ["costs.payment_fees", "added, rounded to fen"],
  ],
  "margin.earned": [
    ["revenue.recognised", "added"],
    ["revenue.recognised_vat", "subtracted"],
  ],
  "margin.gross": [
    ["margin.earned", "added"],
    ["costs.total", "subtracted"],
  ],
  "margin.gross_share": [
    ["margin.gross", "divided"],
    ["margin.earned", "the divisor"],
  ],
};

/** A row before all others: what a balance was at the begin. */
const OPENING_ROW = "";

/**
 * One row more than a page has, as all lists give.
 * @throws Refusal REPORT_NOT_FOUND; BadField when reports have no such figure
 */
export async function listReportRows(
  reader: ReportReader,
  reportId: string,
  figureId: string,
  page: RowPage,
): Promise<readonly FigureRow[]> {
  const rule = FIGURES.find(({ id }) => id === figureId);
  if (rule === undefined) throw unknownFigure();
  const report = await getReport(reader, reportId);
  const terms = TERMS[figureId];
  if (terms !== undefined) return pageOf(termRows(report.document, terms), page);
  if (report.period === "DAILY") return dayRows(reader, report, figureId, page);
  const days = await reader.listDays(daysOf(report.period, report.date));
  // Days that came after it are in a later version.
  const own = days.filter(({ createTimeMs }) => createTimeMs <= report.createTimeMs);
  const counted = rule.kind === "BALANCE" ? own.slice(-1) : own;
  return pageOf(
    counted.map((day) => reportRow(day, figureId)),
    page,
  );
}

function unknownFigure(): BadField {
  const rule = "must be a figure of reports, such as revenue.sales: docs/finance.md lists them";
  return new BadField([{ field: "figure_id", rule }]);
}

function pageOf(rows: readonly FigureRow[], { after, limit }: RowPage): readonly FigureRow[] {
  const at = after === null ? 0 : rows.findIndex(({ rowId }) => rowId === after.rowId) + 1;
  return rows.slice(at, at + limit);
}

function termRows(
  document: ReportDocument,
  terms: readonly (readonly [string, string])[],
): FigureRow[] {
  return terms.map(([id, description]) => ({
    source: "figure",
    rowId: id,
    userId: "",
    timeMs: null,
    amount: figureOf(document, id).value ?? 0n,
    description,
  }));
}

function reportRow(day: StoredReport, figureId: string): FigureRow {
  return {
    source: "report",
    rowId: day.reportId,
    userId: "",
    timeMs: null,
    amount: figureOf(day.document, figureId).value ?? 0n,
    description: day.date,
  };
}

async function dayRows(
  reader: ReportReader,
  { document, date }: StoredReport,
  figureId: string,
  page: RowPage,
): Promise<readonly FigureRow[]> {
  const found = await reader.listDayRows(figureId, dayOf(date), page);
  if (found === undefined) throw unknownFigure();
  if (found.change === null || page.after !== null) return found.rows;
  const opening: FigureRow = {
    source: "figure",
    rowId: OPENING_ROW,
    userId: "",
    timeMs: null,
    amount: (figureOf(document, figureId).value ?? 0n) - found.change,
    description: "at the begin of the day",
  };
  return [opening, ...found.rows].slice(0, page.limit);
}
