/** A report as CSV (RFC 4180): UTF-8 with a byte order mark, which makes Excel read Chinese, and CRLF. */
import type { Column, Report, ReportTable, TableCell } from "../billing/report/document.ts";
import { momentText, plain, unitOf } from "./format.ts";
import { columnName, nameOf, periodName, PHRASES, type Language } from "./words.ts";

const BYTE_ORDER_MARK = "\ufeff";
const LINE_END = "\r\n";
/** What makes a spreadsheet take a text for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

export function* csvLines(report: Report, language: Language): Generator<string> {
  yield BYTE_ORDER_MARK;
  yield* headLines(report, language);
  yield line([]);
  const { section, item, unit, value } = PHRASES;
  yield line([section, item, unit, value].map((words) => words[language]));
  for (const { id: sectionId, figures } of report.document.sections) {
    for (const { id, type, value: number } of figures) {
      const name = text(nameOf(sectionId, language));
      const shown = number === null ? "" : plain(number, type);
      yield line([name, text(nameOf(id, language)), text(unitOf(type, language)), shown]);
    }
  }
  for (const { tables } of report.document.sections) {
    for (const table of tables) yield* tableLines(table, language);
  }
}

function* headLines(report: Report, language: Language): Generator<string> {
  const { period, date, reportId, version, supersedes, contentSha256, createTimeMs } = report;
  yield line([text(periodName(period, language)), date]);
  yield line([PHRASES.report[language], text(reportId)]);
  yield line([PHRASES.version[language], String(version)]);
  if (supersedes !== null) yield line([PHRASES.replaces[language], text(supersedes)]);
  yield line([PHRASES.made[language], momentText(createTimeMs)]);
  yield line([PHRASES.content[language], contentSha256]);
}

function* tableLines({ id, columns, rows }: ReportTable, language: Language): Generator<string> {
  yield line([]);
  yield line([text(nameOf(id, language))]);
  yield line(columns.map((column) => text(titleOf(column, language))));
  for (const row of rows) yield line(row.map((cell, at) => cellText(cell, columns[at]!)));
}

/** A column's name, with its unit where it has one. */
export function titleOf({ id, type }: Column, language: Language): string {
  const name = columnName(id, language);
  if (type === "FEN" || type === "MICRO_YUAN") return `${name} (${PHRASES.yuan[language]})`;
  return name;
}

function cellText(cell: TableCell, { type }: Column): string {
  if (cell === null) return "";
  if (typeof cell === "string") return text(cell);
  return type === "TEXT" || type === "DAY" || type === "MONTH" ? String(cell) : plain(cell, type);
}

/** A text that no spreadsheet takes for a formula. */
function text(value: string): string {
  return FORMULA.test(value) ? `'${value}` : value;
}

function line(cells: readonly string[]): string {
  return cells.map(quoted).join(",") + LINE_END;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
