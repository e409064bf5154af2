/** A vendor's bill as it comes: CSV with columns that the caller names. Every fault names its line. */
import { createHash } from "node:crypto";
import { parse } from "csv-parse/sync";
import type { BillLine } from "../billing/report/cost.ts";
import {
  BillColumns_AmountUnit,
  type BillColumns,
} from "../gen/billing/report/v1/report_service.ts";
import type { FieldCheck } from "./field.ts";
import { textFault, type TextRule } from "./text-rule.ts";

/** As report_service.proto states it; a month of one vendor's services. */
const LINES_MAX = 50_000;
/** Faults named of one file: the first tell what is wrong with all. */
const FAULTS_MAX = 10;
const CELL_LENGTH_MAX = 4_096;
const SERVICE: TextRule = { min: 1, max: 63 };
const EXTERNAL_ID = /^[\x21-\x7e]{1,128}$/;
/** Digits before the point: with six decimals it stays below the largest amount. */
const AMOUNT = /^-?(?:\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.\d+)?$/;

/** Digits after the point that each unit can have. */
const DECIMALS: Readonly<Record<number, number>> = {
  [BillColumns_AmountUnit.UNSPECIFIED]: 6,
  [BillColumns_AmountUnit.YUAN]: 6,
  [BillColumns_AmountUnit.FEN]: 4,
  [BillColumns_AmountUnit.MICRO_YUAN]: 0,
};

interface ReadFile {
  readonly contentSha256: string;
  readonly lines: readonly BillLine[];
}

export function readBill(
  check: FieldCheck,
  content: Uint8Array,
  columns: BillColumns | undefined,
): ReadFile {
  const contentSha256 = createHash("sha256").update(content).digest("hex");
  const nothing = { contentSha256, lines: [] };
  if (content.length === 0) check.refuse("content", "is required: a CSV file in UTF-8");
  if (columns === undefined) {
    check.refuse("columns", "is required");
    return nothing;
  }
  if (columns.service === "") check.refuse("columns.service", "is required: a column's title");
  if (columns.amount === "") check.refuse("columns.amount", "is required: a column's title");
  const decimals = DECIMALS[columns.amountUnit];
  if (decimals === undefined) {
    check.refuse(
      "columns.amount_unit",
      `must be one of the values of its enum, not ${columns.amountUnit}`,
    );
    return nothing;
  }
  if (content.length === 0 || columns.service === "" || columns.amount === "") return nothing;
  const table = readTable(check, content);
  return table === undefined
    ? nothing
    : { contentSha256, lines: readLines(check, table, columns, decimals) };
}

/** Cells by line, the titles first; undefined when it is no table. */
function readTable(check: FieldCheck, content: Uint8Array): string[][] | undefined {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    check.refuse("content", "must be UTF-8");
    return undefined;
  }
  try {
    const table = parse(text, {
      bom: true,
      skip_empty_lines: true,
      max_record_size: CELL_LENGTH_MAX,
      to_line: LINES_MAX + 2,
    });
    if (table.length <= LINES_MAX + 1) return table;
    check.refuse("content", `must have at most ${LINES_MAX} lines`);
  } catch (error) {
    const { code, lines } = error as { readonly code?: string; readonly lines?: number };
    // Whatever else is thrown is a bug and no matter of the file.
    if (code === undefined || !code.startsWith("CSV_")) throw error;
    check.refuse("content", `must be CSV: line ${lines ?? "?"} breaks its form (${code})`);
  }
  return undefined;
}

function readLines(
  check: FieldCheck,
  [titles = [], ...rows]: readonly string[][],
  columns: BillColumns,
  decimals: number,
): BillLine[] {
  const placeOf = (field: string, title: string) => {
    const at = titles.indexOf(title);
    if (at < 0) check.refuse(`columns.${field}`, "must be the title of a column in the first line");
    if (at !== titles.lastIndexOf(title)) {
      check.refuse(`columns.${field}`, "must be the title of one column only");
    }
    return at;
  };
  const service = placeOf("service", columns.service);
  const amount = placeOf("amount", columns.amount);
  const id = columns.externalId === "" ? null : placeOf("external_id", columns.externalId);
  if (service < 0 || amount < 0 || (id !== null && id < 0)) return [];
  if (rows.length === 0) check.refuse("content", "must have a line besides the titles");
  const faults: string[] = [];
  const lines = rows.map((cells, at) => {
    const told = (column: string, rule: string) =>
      faults.push(`line ${at + 2}, ${column}: ${rule}`);
    const serviceText = (cells[service] ?? "").trim();
    const fault = textFault(serviceText, SERVICE);
    if (fault !== undefined) told(columns.service, fault);
    const micro = microYuan((cells[amount] ?? "").trim(), decimals);
    if (micro === undefined)
      told(columns.amount, `must be a number with at most ${decimals} decimals`);
    const externalId = id === null ? null : (cells[id] ?? "").trim();
    if (externalId !== null && !EXTERNAL_ID.test(externalId)) {
      told(columns.externalId, "must be 1 to 128 visible ASCII characters without spaces");
    }
    return { service: serviceText, amountMicroYuan: micro ?? 0n, externalId };
  });
  for (const fault of faults.slice(0, FAULTS_MAX)) check.refuse("content", fault);
  const more = faults.length - FAULTS_MAX;
  if (more > 0) check.refuse("content", `has ${more} more faults, not listed here`);
  return lines;
}

/** An amount in millionths of a yuan; undefined when it is none, or has digits that would be lost. */
function microYuan(text: string, decimals: number): bigint | undefined {
  if (!AMOUNT.test(text)) return undefined;
  const [whole = "", fraction = ""] = text.replaceAll(",", "").replace("-", "").split(".");
  const kept = fraction.replace(/0+$/, "");
  if (kept.length > decimals) return undefined;
  const amount = BigInt(whole + kept.padEnd(decimals, "0"));
  return text.startsWith("-") ? -amount : amount;
}
