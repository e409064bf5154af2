/**
 * A report as a document: sections of figures and tables, in the order in which they are read. It is what is
 * stored and what is exported; what a figure is called stands in words.ts, by its id.
 */

/** What a number counts. PER_MILLE is a share: 12 is 1.2 %. */
export type FigureType = "FEN" | "MICRO_YUAN" | "COUNT" | "QUOTA" | "PER_MILLE";

export interface Figure {
  /** Unique within the report, such as `revenue.sales`. */
  readonly id: string;
  readonly type: FigureType;
  /** Null: not known when the report was made, such as fees before the provider's bill is there. */
  readonly value: bigint | null;
}

export interface Column {
  readonly id: string;
  /** DAY and MONTH are texts, YYYY-MM-DD and YYYY-MM. */
  readonly type: FigureType | "TEXT" | "DAY" | "MONTH";
}

/** A value of a column: text for TEXT, DAY and MONTH, whole numbers for all others, null for what isn't there. */
export type TableCell = string | bigint | null;

export interface ReportTable {
  /** Unique within the report, such as `costs.vendors`. */
  readonly id: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly TableCell[])[];
}

export interface Section {
  readonly id: string;
  readonly figures: readonly Figure[];
  readonly tables: readonly ReportTable[];
}

export interface ReportDocument {
  readonly sections: readonly Section[];
}

export type Period = "DAILY" | "WEEKLY" | "MONTHLY" | "YEARLY";

/** What a report is, besides what it says. */
export interface ReportHead {
  readonly reportId: string;
  readonly period: Period;
  /** YYYY-MM-DD, YYYY-Www (ISO 8601), YYYY-MM or YYYY, of Asia/Shanghai. */
  readonly date: string;
  /** Counts the versions of that period from 1. */
  readonly version: number;
  /** The version before, which this one replaces; null for the first. */
  readonly supersedes: string | null;
  /** SHA-256 of the stored document, in hexadecimal. */
  readonly contentSha256: string;
  readonly createTimeMs: number;
}

export interface Report extends ReportHead {
  readonly document: ReportDocument;
}

/** The figure with that id. @throws Error (a bug) when the document has none */
export function figureOf(document: ReportDocument, id: string): Figure {
  for (const { figures } of document.sections) {
    const found = figures.find((figure) => figure.id === id);
    if (found !== undefined) return found;
  }
  throw new Error(`the report has no figure ${id}`);
}

/** Its value; 0 where it isn't known. */
export function valueOf(document: ReportDocument, id: string): bigint {
  return figureOf(document, id).value ?? 0n;
}

/** The table with that id; undefined when the document has none. */
export function tableOf(document: ReportDocument, id: string): ReportTable | undefined {
  return document.sections.flatMap(({ tables }) => tables).find((table) => table.id === id);
}

/** The stored form: JSON in which whole numbers are texts that begin with `n`, other texts begin with `t`. */
export function writeDocument(document: ReportDocument): string {
  return JSON.stringify(document, (key, value: unknown) => {
    if (typeof value === "bigint") return `n${value}`;
    return typeof value === "string" && key !== "id" && key !== "type" ? `t${value}` : value;
  });
}

/** @throws Error when the text isn't one that `writeDocument` wrote */
export function readDocument(text: string): ReportDocument {
  return JSON.parse(text, (key, value: unknown) => {
    if (typeof value !== "string" || key === "id" || key === "type") return value;
    if (value.startsWith("n")) return BigInt(value.slice(1));
    if (value.startsWith("t")) return value.slice(1);
    throw new Error(`a stored report has a text without its kind: ${key}`);
  }) as ReportDocument;
}
