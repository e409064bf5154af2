/** Reports of months and years: the sums of their days, figure by figure, and never anything else. */
import { sum } from "../money.ts";
import {
  tableOf,
  valueOf,
  figureOf,
  type Period,
  type ReportDocument,
  type ReportTable,
} from "./document.ts";
import {
  FIGURES,
  sectionsOf,
  SERIES_FIGURES,
  seriesRule,
  tableFrom,
  TABLES,
  type FigureRule,
} from "./figures.ts";
import { perMille } from "./sums.ts";

export interface StoredDay {
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly document: ReportDocument;
}

/** What days don't have. */
export interface PeriodMore {
  /** Such as cohorts. */
  readonly tables?: readonly ReportTable[];
  readonly health?: Health;
}

/** What stands open at this moment, by the figures of the section `health`. */
export type Health = Readonly<Record<string, bigint>>;

/** @param days in their order; at least one */
export function periodDocument(
  length: Exclude<Period, "DAILY">,
  days: readonly StoredDay[],
  { tables: more = [], health = {} }: PeriodMore = {},
): ReportDocument {
  const documents = days.map(({ document }) => document);
  const values = new Map<string, bigint | null>();
  for (const rule of FIGURES) values.set(rule.id, valueFor(rule, documents, values));
  const tables = TABLES.map((rule) =>
    tableFrom(
      rule,
      documents.flatMap((document) => tableOf(document, rule.id)?.rows ?? []),
    ),
  );
  for (const [id, value] of Object.entries(health)) values.set(`health.${id}`, value);
  const series = length === "YEARLY" ? monthlySeries(days) : dailySeries(days);
  return { sections: sectionsOf(values, [...tables, series, ...more]) };
}

function valueFor(
  { id, kind }: FigureRule,
  days: readonly ReportDocument[],
  values: ReadonlyMap<string, bigint | null>,
): bigint | null {
  if (kind === "BALANCE") return figureOf(days.at(-1)!, id).value;
  // Only the share is computed anew, and it follows what it is made of.
  if (kind === "RATIO") return perMille(values.get("margin.gross")!, values.get("margin.earned")!);
  const known = days.map((day) => figureOf(day, id).value).filter((value) => value !== null);
  return known.length === 0 ? null : sum(known);
}

function dailySeries(days: readonly StoredDay[]): ReportTable {
  const { id, columns } = seriesRule("DAY");
  const rows = days.map(({ date, document }) => [
    date,
    ...SERIES_FIGURES.map((figure) => valueOf(document, figure)),
  ]);
  return { id, columns, rows };
}

function monthlySeries(days: readonly StoredDay[]): ReportTable {
  const { id, columns } = seriesRule("MONTH");
  const months = Map.groupBy(days, ({ date }) => date.slice(0, 7));
  const kinds = new Map(FIGURES.map((rule) => [rule.id, rule.kind]));
  const rows = [...months].map(([month, own]) => [
    month,
    ...SERIES_FIGURES.map((figure) =>
      kinds.get(figure) === "BALANCE"
        ? valueOf(own.at(-1)!.document, figure)
        : sum(own.map(({ document }) => valueOf(document, figure))),
    ),
  ]);
  return { id, columns, rows };
}
