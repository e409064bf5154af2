/**
 * The form of bills (documentation: "账单格式"): a line of names, lines of values, a line of summary names, one
 * line of summary values. Every value begins with a back-tick and nothing is quoted, so that `,` followed
 * by a back-tick is what parts two values. Columns are found by their names, never by their places.
 */

/** It is no bill, or doesn't add up. Nothing of it may be used. */
export class BillFault extends Error {
  override readonly name = "BillFault";
  /** Counts from 1; undefined where no single line is at fault. */
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(line === undefined ? message : `line ${line}: ${message}`);
    this.line = line;
  }
}

/** A line of values, by name. */
export class BillRow {
  readonly line: number;
  readonly #names: ReadonlyMap<string, number>;
  readonly #values: readonly string[];

  constructor(line: number, names: ReadonlyMap<string, number>, values: readonly string[]) {
    this.line = line;
    this.#names = names;
    this.#values = values;
  }

  /** The first of these columns that there is; undefined when there's none. */
  find(...names: readonly string[]): string | undefined {
    const at = names.map((name) => this.#names.get(name)).find((place) => place !== undefined);
    return at === undefined ? undefined : this.#values[at];
  }

  /** @throws BillFault when there's none of these columns */
  text(...names: readonly string[]): string {
    const value = this.find(...names);
    if (value === undefined) throw new BillFault(`there is no column ${names.join(" or ")}`, this.line);
    return value;
  }

  /**
   * An amount of yuan in units of ten to the minus `decimals`: 2 for fen, 6 for micro-yuan.
   * @throws BillFault when it isn't a decimal number, or has more decimals than that
   */
  yuan(decimals: number, ...names: readonly string[]): bigint {
    const text = this.text(...names);
    const amount = parseDecimal(text, decimals);
    if (amount !== undefined) return amount;
    throw new BillFault(`${names[0]} is no amount of yuan: ${show(text)}`, this.line);
  }

  /** @throws BillFault when it isn't a whole number; `45.0` is one */
  count(...names: readonly string[]): number {
    const text = this.text(...names);
    const count = parseDecimal(text, 0);
    if (count !== undefined && count >= 0n) return Number(count);
    throw new BillFault(`${names[0]} is no count: ${show(text)}`, this.line);
  }

  /** A moment of Asia/Shanghai, as milliseconds since 1970. */
  timeMs(...names: readonly string[]): number {
    const text = this.text(...names);
    const ms = TIME.test(text) ? Date.parse(`${text.replace(" ", "T")}+08:00`) : Number.NaN;
    // A day that doesn't exist is shifted into the next month by some parsers: it must come back the same.
    if (Number.isNaN(ms) || new Date(ms + OFFSET_MS).toISOString().slice(0, 19) !== text.replace(" ", "T")) {
      throw new BillFault(`${names[0]} is no time: ${show(text)}`, this.line);
    }
    return ms;
  }
}

export interface BillTable {
  readonly rows: readonly BillRow[];
  readonly summary: BillRow;
}

const TIME = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/;
const OFFSET_MS = 8 * 3_600_000;
const DECIMAL = /^(-?)(\d{1,15})(?:\.(\d{1,10}))?$/;
const SHOWN_LENGTH_MAX = 40;
/** No bill of theirs has more than 29. */
const COLUMNS_MAX = 100;

/** @throws BillFault */
export function readTable(bytes: Uint8Array): BillTable {
  const lines = linesOf(bytes);
  const header = namesOf(lines[0], 1);
  const rows: BillRow[] = [];
  let at = 1;
  for (; lines[at]?.startsWith("`"); at += 1) rows.push(rowOf(header, lines[at]!, at + 1));
  const summaryNames = namesOf(lines[at], at + 1);
  const values = lines[at + 1];
  if (!values?.startsWith("`")) throw new BillFault("there is no summary: the bill is cut off", at + 2);
  if (lines.length > at + 2) throw new BillFault("something comes after the summary", at + 3);
  return { rows, summary: rowOf(summaryNames, values, at + 2) };
}

function linesOf(bytes: Uint8Array): string[] {
  let text: string;
  try {
    // It takes a byte order mark away by itself.
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new BillFault("it is not UTF-8");
  }
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function namesOf(line: string | undefined, number: number): ReadonlyMap<string, number> {
  if (line === undefined || line === "") throw new BillFault("names of columns are missing", number);
  const names = line.split(",").map((name) => name.trim());
  if (names.length > COLUMNS_MAX) throw new BillFault("too many columns", number);
  const places = new Map(names.map((name, place) => [name, place]));
  if (places.size !== names.length) throw new BillFault("two columns have one name", number);
  return places;
}

function rowOf(names: ReadonlyMap<string, number>, line: string, number: number): BillRow {
  if (!line.startsWith("`")) throw new BillFault("a value without its back-tick", number);
  const values = line.slice(1).split(",`");
  if (values.length !== names.size) {
    throw new BillFault(`${values.length} values for ${names.size} columns`, number);
  }
  return new BillRow(number, names, values);
}

/** A decimal number in units of ten to the minus `decimals`; undefined where it isn't whole. */
export function parseDecimal(text: string, decimals: number): bigint | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = ""] = match;
  const kept = fraction.slice(0, decimals).padEnd(decimals, "0");
  if (/[1-9]/.test(fraction.slice(decimals))) return undefined;
  const amount = BigInt(whole + kept);
  return sign === "-" ? -amount : amount;
}

/** What stands in a bill may be long, and it goes into a log. */
function show(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN_LENGTH_MAX));
}

/** @throws BillFault when the summary says something else than the lines */
export function mustAddUp(summary: BillRow, name: string, said: bigint, counted: bigint): void {
  if (said === counted) return;
  throw new BillFault(`${name} is ${said} in the summary and ${counted} in the lines`, summary.line);
}
