/** A report as a workbook: a sheet a section, numbers as numbers with their formats. */
import type { Workbook, Worksheet } from "exceljs";
import type {
  Column,
  Figure,
  FigureType,
  Report,
  ReportTable,
  Section,
  TableCell,
} from "../billing/report/document.ts";
import { titleOf } from "./csv.ts";
import { momentText, plain, unitOf } from "./format.ts";
import { nameOf, periodName, PHRASES, type Language } from "./words.ts";

const FORMATS: Readonly<Record<FigureType, string>> = {
  FEN: "#,##0.00",
  MICRO_YUAN: "#,##0.000000",
  COUNT: "#,##0",
  QUOTA: "#,##0",
  PER_MILLE: '0.0"%"',
};
/** Significant digits that a spreadsheet keeps. */
const DIGITS_MAX = 15;
const NAME_WIDTH = 34;
const NUMBER_WIDTH = 20;
const HEAD_FILL = "FFE8EEF7";

export async function xlsxOf(report: Report, language: Language): Promise<Uint8Array> {
  // Half a second and some 30 MiB, for whoever asks for a workbook first.
  const { default: excel } = await import("exceljs");
  const workbook = new excel.Workbook();
  workbook.title = `${periodName(report.period, language)} ${report.date}`;
  workbook.creator = "billing-guard";
  workbook.created = new Date(report.createTimeMs);
  workbook.modified = new Date(report.createTimeMs);
  addHead(workbook, report, language);
  for (const section of report.document.sections) addSection(workbook, section, language);
  return new Uint8Array(await workbook.xlsx.writeBuffer());
}

function addHead(workbook: Workbook, report: Report, language: Language): void {
  const sheet = sheetOf(workbook, PHRASES.title[language]);
  const { period, date, reportId, version, supersedes, contentSha256, createTimeMs } = report;
  const rows: [string, string | number][] = [
    [periodName(period, language), date],
    [PHRASES.report[language], reportId],
    [PHRASES.version[language], version],
    [PHRASES.replaces[language], supersedes ?? PHRASES.nothing[language]],
    [PHRASES.made[language], momentText(createTimeMs)],
    [PHRASES.content[language], contentSha256],
    [PHRASES.timeZone[language], ""],
  ];
  for (const row of rows) sheet.addRow(row);
  sheet.getRow(1).font = { bold: true, size: 14 };
  widen(sheet, 2);
}

function addSection(workbook: Workbook, section: Section, language: Language): void {
  const sheet = sheetOf(workbook, nameOf(section.id, language));
  const { item, value, unit } = PHRASES;
  if (section.figures.length > 0) {
    heading(sheet, [item[language], value[language], unit[language]]);
    for (const figure of section.figures) addFigure(sheet, figure, language);
  }
  for (const table of section.tables) addTable(sheet, table, language);
  const widest = Math.max(3, ...section.tables.map(({ columns }) => columns.length));
  widen(sheet, widest);
}

function addFigure(sheet: Worksheet, { id, type, value }: Figure, language: Language): void {
  const shown = value === null ? PHRASES.unknown[language] : numberOf(value, type);
  const row = sheet.addRow([nameOf(id, language), shown, unitOf(type, language)]);
  row.getCell(2).numFmt = FORMATS[type];
  row.getCell(2).alignment = { horizontal: "right" };
}

function addTable(sheet: Worksheet, table: ReportTable, language: Language): void {
  if (sheet.rowCount > 0) sheet.addRow([]);
  sheet.addRow([nameOf(table.id, language)]).font = { bold: true };
  heading(
    sheet,
    table.columns.map((column) => titleOf(column, language)),
  );
  for (const cells of table.rows) {
    const row = sheet.addRow(cells.map((cell, at) => valueOf(cell, table.columns[at]!)));
    table.columns.forEach(({ type }, at) => {
      const format = FORMATS[type as FigureType] as string | undefined;
      if (format !== undefined) row.getCell(at + 1).numFmt = format;
    });
  }
}

function heading(sheet: Worksheet, titles: readonly string[]): void {
  const row = sheet.addRow([...titles]);
  row.font = { bold: true };
  titles.forEach((_, at) => {
    row.getCell(at + 1).fill = {
      type: "pattern",
      pattern: "solid",
      fgColor: { argb: HEAD_FILL },
    };
  });
}

function valueOf(cell: TableCell, { type }: Column): string | number | null {
  if (cell === null || typeof cell === "string") return cell;
  return type === "TEXT" || type === "DAY" || type === "MONTH"
    ? String(cell)
    : numberOf(cell, type);
}

/** The number in the unit that is shown, where a spreadsheet keeps all of its digits; else its text. */
function numberOf(value: bigint, type: FigureType): number | string {
  const shown = plain(value, type);
  return shown.replaceAll(/[-.]/g, "").length <= DIGITS_MAX ? Number(shown) : shown;
}

function sheetOf(workbook: Workbook, name: string): Worksheet {
  return workbook.addWorksheet(name, {
    views: [{ state: "frozen", ySplit: 1 }],
    pageSetup: { paperSize: 9, orientation: "landscape", fitToPage: true, fitToHeight: 0 },
  });
}

function widen(sheet: Worksheet, columns: number): void {
  for (let at = 1; at <= columns; at++) {
    sheet.getColumn(at).width = at === 1 ? NAME_WIDTH : NUMBER_WIDTH;
  }
}
