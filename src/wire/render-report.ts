/** Reports and what they are made of as the contract shows them. */
import type { ReportDocument, TableCell } from "../billing/report/document.ts";
import type {
  FigureRow,
  ReportListing,
  StoredReport,
  UserProfit,
} from "../billing/report/report.ts";
import { FigureType, Period } from "../gen/billing/report/v1/report.ts";
import type * as wire from "../gen/billing/report/v1/report.ts";

export function summary(shown: ReportListing): wire.ReportSummary {
  return {
    reportId: shown.reportId,
    period: Period[shown.period],
    date: shown.date,
    version: shown.version,
    supersedes: shown.supersedes ?? "",
    contentSha256: shown.contentSha256,
    caller: shown.caller,
    createTime: new Date(shown.createTimeMs),
  };
}

export function report(shown: StoredReport): wire.Report {
  return { summary: summary(shown), sections: sections(shown.document) };
}

export function sections({ sections: shown }: ReportDocument): wire.ReportSection[] {
  return shown.map(({ id, figures, tables }) => ({
    sectionId: id,
    figures: figures.map((figure) => ({
      figureId: figure.id,
      type: FigureType[figure.type],
      value: figure.value ?? undefined,
    })),
    tables: tables.map((table) => ({
      tableId: table.id,
      columns: table.columns.map((column) => ({
        columnId: column.id,
        type: FigureType[column.type],
      })),
      rows: table.rows.map((cells) => ({ cells: cells.map(cell) })),
    })),
  }));
}

function cell(value: TableCell): wire.ReportCell {
  if (value === null) return { value: undefined };
  return typeof value === "bigint"
    ? { value: { $case: "number", value } }
    : { value: { $case: "text", value } };
}

export function row(shown: FigureRow): wire.FigureRow {
  const { timeMs, ...rest } = shown;
  return { ...rest, time: timeMs === null ? undefined : new Date(timeMs) };
}

export function profit(shown: UserProfit): wire.UserProfit {
  return { ...shown };
}
