/** Cells of the hot tables: what the driver gives and takes. */

/** A row as the driver gives it: BIGINT as number or text, DATETIME as text. */
export type Row = Record<string, unknown>;

/** A value as the driver takes it. */
export type Cell = string | number | bigint | boolean | null;

/** Columns and their SQL types. */
export type ColumnTypes = Readonly<Record<string, string>>;

/** A hot table and its columns in the order of its cells. */
export interface HotTable {
  readonly name: string;
  readonly columns: readonly string[];
}

/** SQL types of columns that several tables have. */
export const ID = "varchar(63)";
export const WORD = "varchar(24)";
export const TIME = "varchar(23)";

/** A batch writes the same few moments again and again. */
const TIME_TEXTS_MAX = 64;
const timeTexts = new Map<number, string>();

/** UTC with milliseconds, as DATETIME(3) is written. */
export function timeText(ms: number): string {
  const known = timeTexts.get(ms);
  if (known !== undefined) return known;
  if (timeTexts.size >= TIME_TEXTS_MAX) timeTexts.clear();
  const text = new Date(ms).toISOString().replace("T", " ").slice(0, 23);
  timeTexts.set(ms, text);
  return text;
}

/** As timeText; a NULL stays one. */
export function timeOrNull(ms: number | null): string | null {
  return ms === null ? null : timeText(ms);
}

/** Milliseconds since 1970 of a DATETIME as the driver gives it. */
export function toMs(value: unknown): number {
  return value instanceof Date ? value.getTime() : Date.parse(`${(value as string).replace(" ", "T")}Z`);
}

/** As toMs; a NULL stays one. */
export function msOrNull(value: unknown): number | null {
  return value === null ? null : toMs(value);
}

/** A BIGINT, which the driver gives as number when it is small and as text when it is not. */
export function toBigInt(value: unknown): bigint {
  return BigInt(value as string | number | bigint);
}
