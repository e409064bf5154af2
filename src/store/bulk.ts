/** Bulk statements of a batch: one for the new rows of a table, one for the changed. */
import type { EntityManager } from "@mikro-orm/mysql";
import { assert } from "../billing/refusal.ts";
import type { Cell, ColumnTypes, HotTable } from "./cell.ts";
import { insertSql, updateSql } from "./sql.ts";
import { together } from "./together.ts";

type Rows = readonly (readonly Cell[])[];

/** A statement, and how many rows it must have changed where that can be told. */
export interface Statement {
  readonly sql: string;
  readonly changes?: { readonly rows: number; readonly table: string };
}

/** A statement for new rows; none where there are none. */
export function inserted(table: HotTable, rows: Rows): Statement | undefined {
  return rows.length === 0 ? undefined : { sql: insertSql(table, rows) };
}

/** A statement for rows that are there, locked, and were read in this transaction. */
export function updated(
  table: HotTable,
  key: ColumnTypes,
  changed: ColumnTypes,
  rows: Rows,
): Statement | undefined {
  if (rows.length === 0) return undefined;
  const sql = updateSql(table, key, changed, rows);
  return { sql, changes: { rows: rows.length, table: table.name } };
}

/** Runs statements one after the other, in one round trip where they fit. */
export async function inTurn(
  em: EntityManager,
  given: readonly (Statement | undefined)[],
): Promise<void> {
  const statements = given.filter((statement) => statement !== undefined);
  const results = await together(
    em,
    statements.map(({ sql }) => sql),
  );
  statements.forEach(({ changes }, at) => {
    if (changes === undefined) return;
    // The rows are locked and were read in this transaction: one that is missing now is a bug.
    const { affectedRows } = results[at]!;
    assert(affectedRows === changes.rows, `${changes.rows} rows of ${changes.table} are changed`);
  });
}
