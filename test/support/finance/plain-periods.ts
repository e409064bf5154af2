/** Months and years, added up from their days as docs/finance.md says. */
import { floorDivide } from "./arithmetic.ts";
import { sorted, type Recomputed, type RecomputedRow } from "./recomputed.ts";

/** Those that are of the last day. */
const BALANCES = ["revenue.deferred", "quota.liability", "members.trial", "members.active"];
/** How many columns of a table are its key. */
const KEYS: Readonly<Record<string, number>> = { "costs.services": 2 };

export interface NamedPart {
  /** YYYY-MM-DD of a day, YYYY-MM of a month. */
  readonly name: string;
  readonly recomputed: Recomputed;
}

/** Figures and tables of a month or a year, with a row for each of its parts; at least one part, in their order. */
export function periodFrom(
  days: readonly NamedPart[],
  series: "series.days" | "series.months",
  parts: readonly NamedPart[] = days,
): Recomputed {
  const figures: Record<string, bigint | null> = {};
  const last = days.at(-1)!.recomputed;
  for (const id of Object.keys(last.figures)) {
    const values = days.map(({ recomputed }) => recomputed.figures[id]!);
    figures[id] = BALANCES.includes(id)
      ? last.figures[id]!
      : values.reduce((sum, value) => (sum ?? 0n) + (value ?? 0n), 0n);
  }
  const earned = figures["margin.earned"]!;
  figures["margin.gross_share"] =
    earned === 0n ? null : floorDivide(figures["margin.gross"]! * 1_000n, earned);
  const tables: Record<string, readonly RecomputedRow[]> = {};
  for (const id of Object.keys(last.tables).filter((name) => !name.startsWith("series."))) {
    tables[id] = addedUp(
      days.flatMap(({ recomputed }) => recomputed.tables[id]!),
      KEYS[id] ?? 1,
    );
  }
  tables[series] = parts.map(seriesRow);
  return { figures, tables };
}

function addedUp(rows: readonly RecomputedRow[], keys: number): RecomputedRow[] {
  const sums = new Map<string, (string | bigint | null)[]>();
  for (const row of rows) {
    const key = row.slice(0, keys).join("\n");
    const before = sums.get(key);
    if (before === undefined) sums.set(key, [...row]);
    else
      for (let at = keys; at < row.length; at++)
        before[at] = (before[at] as bigint) + (row[at] as bigint);
  }
  return sorted([...sums.values()]);
}

const SERIES = [
  "revenue.sales",
  "revenue.refunded",
  "revenue.recognised",
  "costs.total",
  "margin.gross",
  "quota.used",
  "members.active",
];

function seriesRow({ name, recomputed }: NamedPart): RecomputedRow {
  return [name, ...SERIES.map((id) => recomputed.figures[id]!)];
}
