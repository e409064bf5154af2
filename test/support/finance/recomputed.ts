/** What a recomputation of docs/finance.md comes to, and what both of them read. */

/** A row of a table of the page, its columns in the page's order. */
export type RecomputedRow = readonly (string | bigint | null)[];

export interface Recomputed {
  readonly figures: Readonly<Record<string, bigint | null>>;
  readonly tables: Readonly<Record<string, readonly RecomputedRow[]>>;
}

export type Row = Readonly<Record<string, unknown>>;
/** Runs one statement. Sessions are in UTC, and times come as text or as dates. */
export type Query = (sql: string) => Promise<readonly Row[]>;

/** VAT_RATE_BASIS_POINTS. */
export interface Rates {
  readonly vatBasisPoints: bigint;
}

const OFFSET_MS = 8 * 3_600_000;
const DAY_MS = 24 * 3_600_000;

/** The number of a day since 1970 of a moment, in Asia/Shanghai. */
export function dayNumber(ms: number): number {
  return Math.floor((ms + OFFSET_MS) / DAY_MS);
}

export function dayText(number: number): string {
  return new Date(number * DAY_MS).toISOString().slice(0, 10);
}

export function dayNumberOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / DAY_MS;
}

/** The moment at which a day begins, in milliseconds since 1970. */
export function startOfDay(number: number): number {
  return number * DAY_MS - OFFSET_MS;
}

export function whole(value: unknown): bigint {
  return value === null || value === undefined ? 0n : BigInt(value as string | number | bigint);
}

export function text(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : (value as number | bigint).toString();
}

export function moment(value: unknown): number {
  return value instanceof Date ? value.getTime() : Date.parse(`${text(value).replace(" ", "T")}Z`);
}

/** By the first column, then the second, as utf8mb4_bin sorts. */
export function sorted(rows: RecomputedRow[]): RecomputedRow[] {
  return rows.sort((one, other) => compare(one[0], other[0]) || compare(one[1], other[1]));
}

function compare(one: unknown, other: unknown): number {
  if (typeof one !== "string" || typeof other !== "string") return 0;
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
