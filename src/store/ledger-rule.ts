/**
 * The rules of the ledgers: each is one statement that names the rows which break it, with what they should say
 * and what they do. No rule shares code with what writes the rows, so that both can't have the same fault.
 */
import { literal } from "./sql.ts";

/** What the pages of a rule are made of: whose rows are looked at together, in the order of their keys. */
export type LedgerScope = "users" | "orders" | "refunds" | "campaigns" | "events";

export interface LedgerRule {
  /** `LB` and two digits; it's never given to another rule. */
  readonly code: string;
  readonly scope: LedgerScope;
  /** What holds, as a sentence. */
  readonly says: string;
  /**
   * Gives `row_id`, `expected` and `found` of each row that breaks it. `{column}` stands for the page: that
   * column's keys are within it.
   */
  readonly sql: string;
}

/** Keys after `after` up to `last`; null: to the end. */
export interface KeyRange {
  readonly after: string;
  readonly last: string | null;
}

/** The statement of a rule for one page. @param limit how many rows it names at most */
export function ruleSql(rule: LedgerRule, range: KeyRange, limit: number): string {
  const sql = rule.sql.replaceAll(/\{([a-z_.]+)\}/g, (_, column: string) => within(column, range));
  // By its text, not by the column: rows in the order of an index that has no users would be searched for from the table's begin.
  return `${sql} order by concat(row_id, '') limit ${limit}`;
}

function within(column: string, { after, last }: KeyRange): string {
  const upTo = last === null ? "" : ` and ${column} <= ${literal(last)}`;
  return `(${column} > ${literal(after)}${upTo})`;
}
