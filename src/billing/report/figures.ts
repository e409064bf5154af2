/** Every figure and table of reports, in reading order; docs/finance.md has their formulas, which a test compares. */
import type { Column, Figure, FigureType, ReportTable, Section, TableCell } from "./document.ts";

/**
 * FLOW: a period's is the sum of its days'. BALANCE: it is that of the last day. RATIO: it is computed anew from
 * the period's sums.
 */
export type FigureKind = "FLOW" | "BALANCE" | "RATIO";

export interface FigureRule {
  readonly id: string;
  readonly type: FigureType;
  readonly kind: FigureKind;
}

const rule = (id: string, type: FigureType, kind: FigureKind = "FLOW"): FigureRule => ({
  id,
  type,
  kind,
});

export const FIGURES: readonly FigureRule[] = [
  rule("orders.created", "COUNT"),
  rule("orders.paid", "COUNT"),
  rule("orders.closed", "COUNT"),
  rule("orders.refunds", "COUNT"),
  rule("revenue.sales", "FEN"),
  rule("revenue.refunded", "FEN"),
  rule("revenue.net", "FEN"),
  rule("revenue.vat", "FEN"),
  rule("revenue.unowed_received", "FEN"),
  rule("revenue.unowed_returned", "FEN"),
  rule("revenue.recognised", "FEN"),
  rule("revenue.recognised_vat", "FEN"),
  rule("revenue.deferred", "FEN", "BALANCE"),
  rule("quota.granted", "QUOTA"),
  rule("quota.reserved", "QUOTA"),
  rule("quota.used", "QUOTA"),
  rule("quota.returned", "QUOTA"),
  rule("quota.refunded", "QUOTA"),
  rule("quota.refunded_after_use", "QUOTA"),
  rule("quota.lapsed", "QUOTA"),
  rule("quota.revoked", "QUOTA"),
  rule("quota.liability", "QUOTA", "BALANCE"),
  rule("members.registered", "COUNT"),
  rule("members.activated", "COUNT"),
  rule("members.renewed", "COUNT"),
  rule("members.lapsed", "COUNT"),
  rule("members.trial", "COUNT", "BALANCE"),
  rule("members.active", "COUNT", "BALANCE"),
  rule("costs.vendors", "MICRO_YUAN"),
  rule("costs.payment_fees", "MICRO_YUAN"),
  rule("costs.bills_missing", "COUNT"),
  rule("costs.total", "FEN"),
  rule("margin.earned", "FEN"),
  rule("margin.gross", "FEN"),
  rule("margin.gross_share", "PER_MILLE", "RATIO"),
];

/** How the service is at the moment at which a week's report is made; nowhere else. */
export const HEALTH_FIGURES: readonly FigureRule[] = [
  rule("health.alerts_critical", "COUNT", "BALANCE"),
  rule("health.alerts_warning", "COUNT", "BALANCE"),
  rule("health.discrepancies", "COUNT", "BALANCE"),
  rule("health.ledger_breaks", "COUNT", "BALANCE"),
  rule("health.dead_messages", "COUNT", "BALANCE"),
  rule("health.overdue_holds", "COUNT", "BALANCE"),
];

export interface TableRule {
  readonly id: string;
  readonly columns: readonly Column[];
  /** So many columns tell a row from the others, and sort them; the others are added up. */
  readonly keys: number;
}

const text = (id: string): Column => ({ id, type: "TEXT" });
const count = (id: string): Column => ({ id, type: "COUNT" });
const fen = (id: string): Column => ({ id, type: "FEN" });
const quota = (id: string): Column => ({ id, type: "QUOTA" });
const microYuan = (id: string): Column => ({ id, type: "MICRO_YUAN" });

/** Tables that days have too. */
export const TABLES: readonly TableRule[] = [
  {
    id: "revenue.products",
    columns: [text("product"), count("orders"), fen("sales_fen"), fen("refunded_fen")],
    keys: 1,
  },
  {
    id: "costs.services",
    columns: [text("vendor"), text("service"), count("costs"), microYuan("cost_micro_yuan")],
    keys: 2,
  },
  {
    id: "margin.features",
    columns: [
      text("feature_id"),
      count("reservations"),
      quota("used"),
      quota("refunded"),
      microYuan("cost_micro_yuan"),
      fen("earned_fen"),
    ],
    keys: 1,
  },
  {
    id: "margin.plans",
    columns: [text("plan_id"), fen("recognised_fen"), microYuan("cost_micro_yuan")],
    keys: 1,
  },
];

/** One row a day or month of the period. */
export function seriesRule(length: "DAY" | "MONTH"): TableRule {
  return {
    id: length === "DAY" ? "series.days" : "series.months",
    columns: [
      { id: length === "DAY" ? "day" : "month", type: length },
      fen("sales_fen"),
      fen("refunded_fen"),
      fen("recognised_fen"),
      fen("cost_fen"),
      fen("gross_fen"),
      quota("used"),
      count("active"),
    ],
    keys: 1,
  };
}

/** The figures that a series shows, in the order of its columns. */
export const SERIES_FIGURES = [
  "revenue.sales",
  "revenue.refunded",
  "revenue.recognised",
  "costs.total",
  "margin.gross",
  "quota.used",
  "members.active",
] as const;

export const COHORTS: TableRule = {
  id: "cohorts.months",
  columns: [
    { id: "month", type: "MONTH" },
    count("members"),
    count("active"),
    fen("sales_fen"),
    fen("refunded_fen"),
    microYuan("cost_micro_yuan"),
  ],
  keys: 1,
};

/** The sections of a document that has these values and tables. */
export function sectionsOf(
  values: ReadonlyMap<string, bigint | null>,
  tables: readonly ReportTable[],
): Section[] {
  const rules = [...FIGURES, ...HEALTH_FIGURES.filter(({ id }) => values.has(id))];
  const ids = new Set([...rules, ...tables].map(({ id }) => sectionOf(id)));
  return [...ids].map((id) => ({
    id,
    figures: rules
      .filter((figure) => sectionOf(figure.id) === id)
      .map((figure): Figure => ({
        id: figure.id,
        type: figure.type,
        value: valueFor(values, figure.id),
      })),
    tables: tables.filter((table) => sectionOf(table.id) === id),
  }));
}

function valueFor(values: ReadonlyMap<string, bigint | null>, id: string): bigint | null {
  const value = values.get(id);
  if (value === undefined) throw new Error(`nothing says what ${id} is`);
  return value;
}

/** What stands before the point. */
function sectionOf(id: string): string {
  return id.slice(0, id.indexOf("."));
}

type Row = readonly TableCell[];

/** A table of these rows: those with one key are added up, rows of nothing are left out, and they are sorted by key. */
export function tableFrom({ id, columns, keys }: TableRule, rows: Iterable<Row>): ReportTable {
  const sums = new Map<string, TableCell[]>();
  for (const row of rows) {
    const key = JSON.stringify(row.slice(0, keys));
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, [...row]);
    else for (let at = keys; at < row.length; at++) sum[at] = add(sum[at]!, row[at]!);
  }
  const left = [...sums.values()].filter((row) => row.slice(keys).some((cell) => cell !== 0n));
  return { id, columns, rows: left.toSorted((one, other) => byKey(one, other, keys)) };
}

function add(one: TableCell, other: TableCell): bigint {
  return (one as bigint) + (other as bigint);
}

/** By UTF-16 units, as texts compare everywhere here; not by any language's alphabet. */
function byKey(one: Row, other: Row, keys: number): number {
  for (let at = 0; at < keys; at++) {
    const [left, right] = [one[at] as string, other[at] as string];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
