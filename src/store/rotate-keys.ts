/**
 * Seals anew, with the active key, what older keys have sealed. It runs beside serving servers: it waits for
 * no row, leaves alone what has changed since it was read, and can be stopped and started again at any time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { MikroORM } from "@mikro-orm/mysql";
import type { Row } from "./cell.ts";
import { placeOf, SEALED_COLUMNS, type SealedColumn } from "./sealed-columns.ts";
import type { Sealer } from "./sealer.ts";
import { keyIdOf } from "./sealing.ts";
import { listSql, literal } from "./sql.ts";
import { inTransaction, reading } from "./transaction.ts";

/** Rows of one short transaction; whoever wants one of them waits for that long. */
const ROTATE_BATCH = 100;
/** A pass renews what it can; the last one only looks. More than this means that somebody works against it. */
const PASSES_MAX = 30;
/** Rows that were locked are free again by then. */
const PASS_PAUSE_MS = 200;

export interface RotationReport {
  readonly column: SealedColumn;
  /** Values that are there, each opened as it is stored, under the active key. */
  readonly opened: number;
  /** How many were sealed anew. */
  readonly renewed: number;
}

/**
 * @param told after each column
 * @throws Error naming the place of a value that no key of the ring opens, or the column in which an older
 *   key goes on sealing; what was done before stays
 */
export async function rotateKeys(
  orm: MikroORM,
  sealer: Sealer,
  activeKeyId: string,
  told: (report: RotationReport) => void,
  columns: readonly SealedColumn[] = SEALED_COLUMNS,
): Promise<RotationReport[]> {
  const reports: RotationReport[] = [];
  for (const column of columns) {
    const report = await rotateColumn(orm, sealer, activeKeyId, column);
    told(report);
    reports.push(report);
  }
  return reports;
}

async function rotateColumn(
  orm: MikroORM,
  sealer: Sealer,
  activeKeyId: string,
  column: SealedColumn,
): Promise<RotationReport> {
  let renewed = 0;
  for (let passes = 1; ; passes++) {
    const pass = await passThrough(orm, sealer, activeKeyId, column);
    renewed += pass.renewed;
    if (pass.old === 0) return { column, opened: pass.opened, renewed };
    if (passes === PASSES_MAX) {
      const where = `${column.table}.${column.column}`;
      throw new Error(`${where}: an older key is still sealing, or rows stay locked; see docs/keys.md`);
    }
    if (pass.renewed < pass.old) await sleep(PASS_PAUSE_MS);
  }
}

interface Pass {
  readonly opened: number;
  /** Values that weren't sealed by the active key. */
  readonly old: number;
  /** How many of these now are. */
  readonly renewed: number;
}

/** Opens every value, in the order of the rows, and seals anew what the active key hasn't sealed. */
async function passThrough(
  orm: MikroORM,
  sealer: Sealer,
  activeKeyId: string,
  column: SealedColumn,
): Promise<Pass> {
  const pass = { opened: 0, old: 0, renewed: 0 };
  for (let after = ""; ; ) {
    const rows = await page(orm, column, after);
    const opened = rows.map((row) => open(sealer, column, row));
    const old = opened.filter(({ sealed }) => keyIdOf(sealed) !== activeKeyId);
    pass.opened += opened.length;
    pass.old += old.length;
    pass.renewed += await renew(orm, sealer, column, old);
    if (rows.length < ROTATE_BATCH) return pass;
    after = rows.at(-1)!.id;
  }
}

interface SealedRow {
  readonly id: string;
  readonly sealed: string;
}

interface OpenedRow extends SealedRow {
  readonly text: string;
}

function open(sealer: Sealer, column: SealedColumn, row: SealedRow): OpenedRow {
  return { ...row, text: sealer.open(row.sealed, placeOf(column, row.id)) };
}

async function page(orm: MikroORM, column: SealedColumn, after: string): Promise<SealedRow[]> {
  const { table, key, column: name } = column;
  const sql = `select ${key} as id, ${name} as sealed from ${table}
    where ${key} > ${literal(after)} and ${name} is not null order by ${key} limit ${ROTATE_BATCH}`;
  const rows = await reading(orm, (em) => em.execute<Row[]>(sql));
  return rows.map(({ id, sealed }) => ({ id: id as string, sealed: sealed as string }));
}

/** @returns how many were sealed anew: not those that somebody has locked or changed meanwhile */
async function renew(
  orm: MikroORM,
  sealer: Sealer,
  column: SealedColumn,
  old: readonly OpenedRow[],
): Promise<number> {
  if (old.length === 0) return 0;
  const { table, key, column: name } = column;
  const ids = listSql(old.map(({ id }) => id));
  return inTransaction(orm, async (em) => {
    // Who waits for nobody can't be part of a deadlock: a serving server never has to give way to this.
    const free = await em.execute<Row[]>(
      `select ${key} as id, ${name} as sealed from ${table} where ${key} in (${ids})
        order by ${key} for update skip locked`,
    );
    const now = new Map(free.map(({ id, sealed }) => [id as string, sealed as string | null]));
    const unchanged = old.filter(({ id, sealed }) => now.get(id) === sealed);
    for (const { id, text } of unchanged) {
      const anew = sealer.seal(text, placeOf(column, id));
      const sql = `update ${table} set ${name} = ${literal(anew)} where ${key} = ${literal(id)}`;
      await em.execute(sql, [], "run");
    }
    return unchanged.length;
  });
}

/** How many values each key of the columns still seals: a key without any can be thrown away. */
export async function countKeys(
  orm: MikroORM,
  columns: readonly SealedColumn[] = SEALED_COLUMNS,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { table, column } of columns) {
    const sql = `select substring_index(substring_index(${column}, '.', 2), '.', -1) as id, count(*) as n
      from ${table} where ${column} is not null group by id`;
    for (const row of await reading(orm, (em) => em.execute<Row[]>(sql))) {
      const id = row["id"] as string;
      counts.set(id, (counts.get(id) ?? 0) + Number(row["n"]));
    }
  }
  return counts;
}
