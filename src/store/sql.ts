/** SQL text for bulk statements: one statement a table, however many rows. */
import { escape } from "mysql2";
import type { Cell, ColumnTypes, HotTable } from "./cell.ts";

/** A statement that inserts rows and fails on one that exists. */
export function insertSql(table: HotTable, rows: readonly (readonly Cell[])[]): string {
  const values = rows.map((row) => `(${row.map(literal).join(",")})`).join(",");
  return `insert into ${table.name} (${table.columns.join(",")}) values ${values}`;
}

/**
 * A statement that gives rows new values, which come as one JSON document: on both servers a fifth
 * cheaper than `insert … on duplicate key update`, a quarter of its length, and unable to make a row.
 * @param key the columns that name a row; `changed` are the ones to be renewed
 * @param rows the cells of `key` and then of `changed`
 */
export function updateSql(
  table: HotTable,
  key: ColumnTypes,
  changed: ColumnTypes,
  rows: readonly (readonly Cell[])[],
): string {
  const columns = [...Object.entries(key), ...Object.entries(changed)];
  const typed = columns.map(([name, type], at) => `${name} ${type} path '$[${at}]'`).join(",");
  const same = Object.keys(key).map((name) => `t.${name} = j.${name} collate utf8mb4_bin`);
  const renewed = Object.keys(changed).map((name) => `t.${name} = j.${name}`);
  const json = literal(`[${rows.map(jsonRow).join(",")}]`);
  // In this order and by the key: while a table is small the optimizer would rather read all of it, and wait
  // for every row in it that another batch has locked.
  return `update json_table(${json}, '$[*]' columns (${typed})) j straight_join ${table.name} t
    force index (primary) on ${same.join(" and ")} set ${renewed.join(",")}`;
}

function jsonRow(row: readonly Cell[]): string {
  return `[${row.map((cell) => (typeof cell === "string" ? JSON.stringify(cell) : literal(cell))).join(",")}]`;
}

/** A list for `in (…)`; it must not be empty. */
export function listSql(values: Iterable<string>): string {
  return [...values].map(literal).join(",");
}

/**
 * Text that stands for itself between single quotes: no control character, no single quote, no
 * backslash. Most is; what isn't is escaped, which is dear for JSON, since it escapes its quotes too.
 */
const PLAIN = /^[ -&(-[\]-\uffff]*$/;

export function literal(cell: Cell): string {
  if (cell === null) return "null";
  if (typeof cell === "string") return PLAIN.test(cell) ? `'${cell}'` : escape(cell);
  if (typeof cell === "boolean") return cell ? "1" : "0";
  return String(cell);
}
