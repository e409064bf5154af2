/** Reports of made-up figures, each value another, with names that have broken programs before. */
import type {
  Column,
  Report,
  ReportDocument,
  TableCell,
} from "../../src/billing/report/document.ts";
import {
  COHORTS,
  FIGURES,
  sectionsOf,
  seriesRule,
  TABLES,
} from "../../src/billing/report/figures.ts";

export const HOSTILE = [
  "<img src=x onerror=alert(1)>",
  '=HYPERLINK("http://evil.example")',
  "+1+2",
  "@SUM(A1)",
  '图像,"生成"\nb',
  "",
];

export function sampleDocument(
  names: readonly string[] = ["ai_video", "图像生成"],
): ReportDocument {
  let next = 1_000n;
  const value = () => (next += 123_457n);
  const cell = ({ type }: Column, row: number): TableCell => {
    if (type === "DAY") return `2026-11-${String(row + 1).padStart(2, "0")}`;
    if (type === "MONTH") return `2026-${String(row + 1).padStart(2, "0")}`;
    return type === "TEXT" ? names[row % names.length]! : value();
  };
  const table = (id: string, columns: readonly Column[], length: number) => ({
    id,
    columns,
    rows: Array.from({ length }, (_, row) => columns.map((column) => cell(column, row))),
  });
  const values = new Map<string, bigint | null>(FIGURES.map(({ id }) => [id, value()]));
  values.set("margin.gross", -5n);
  values.set("costs.payment_fees", null);
  const series = seriesRule("DAY");
  return {
    sections: sectionsOf(values, [
      ...TABLES.map(({ id, columns }) => table(id, columns, names.length)),
      table(series.id, series.columns, 30),
      table(COHORTS.id, COHORTS.columns, 3),
    ]),
  };
}

export function sampleReport(names?: readonly string[]): Report {
  return {
    reportId: "rpt_01M835X1WX000017J28B9V00",
    period: "MONTHLY",
    date: "2026-11",
    version: 2,
    supersedes: "rpt_01M835X1WX000017J28B9VAA",
    contentSha256: "ab".repeat(32),
    createTimeMs: Date.UTC(2026, 11, 1, 2, 30),
    document: sampleDocument(names),
  };
}
