/**
 * Several statements in one round trip. What a batch costs besides the rows themselves is mostly waiting: for the
 * answer of each statement, and for the event loop to come back to it.
 */
import type { EntityManager } from "@mikro-orm/mysql";
import type { Row } from "./cell.ts";

/** What one statement gave: rows of a query, or the number of rows that a change touched. */
export interface StatementResult {
  readonly rows: readonly Row[];
  readonly affectedRows: number;
}

/**
 * Between two statements. No value has a line break that isn't escaped (see `literal`), so it separates
 * nothing else.
 */
export const SEPARATOR = ";\n";

/**
 * Characters of one text at most, so that it stays below what a server takes in one packet (16 MiB by default
 * on MariaDB) whatever the characters are.
 */
const TEXT_MAX = 2 * 1024 * 1024;

/**
 * Runs statements in their order, as many as fit in one round trip. One that fails ends it: those after it
 * don't run, and what those before it did is the transaction's to undo. On a pool that wasn't opened
 * for several statements each goes by itself.
 * @returns a result a statement, in their order
 */
export async function together(
  em: EntityManager,
  statements: readonly string[],
): Promise<StatementResult[]> {
  const results: StatementResult[] = [];
  for (const group of grouped(statements, takesSeveral(em))) {
    if (group.length === 1) results.push(await alone(em, group[0]!));
    else results.push(...(await several(em, group)));
  }
  return results;
}

function takesSeveral(em: EntityManager): boolean {
  return em.config.get("multipleStatements") === true;
}

function grouped(statements: readonly string[], takesMore: boolean): string[][] {
  const groups: string[][] = [];
  let length = Infinity;
  for (const sql of statements) {
    if (!takesMore || length + sql.length > TEXT_MAX) {
      groups.push([]);
      length = 0;
    }
    groups.at(-1)!.push(sql);
    length += sql.length;
  }
  return groups;
}

async function alone(em: EntityManager, sql: string): Promise<StatementResult> {
  const { rows, affectedRows } = await em.execute<StatementResult>(sql, [], "run");
  return { rows, affectedRows };
}

/** The driver gives an array of rows for a query, and a header with counts for a change. */
async function several(em: EntityManager, group: readonly string[]): Promise<StatementResult[]> {
  const given = await em.execute<(Row[] | { readonly affectedRows: number })[]>(
    group.join(SEPARATOR),
  );
  return given.map((one) =>
    Array.isArray(one)
      ? { rows: one, affectedRows: one.length }
      : { rows: [], affectedRows: one.affectedRows },
  );
}

/** A question to the database: its queries, and what their rows mean. */
export interface Question<Answer> {
  readonly queries: readonly string[];
  read(...rows: (readonly Row[])[]): Answer;
}

/** Asks all of the questions in one round trip. */
export async function ask<Answers extends readonly unknown[]>(
  em: EntityManager,
  questions: { readonly [At in keyof Answers]: Question<Answers[At]> },
): Promise<Answers> {
  const asked = questions as readonly Question<unknown>[];
  const results = await together(
    em,
    asked.flatMap(({ queries }) => queries),
  );
  let at = 0;
  const answers = asked.map((question) => {
    const own = results.slice(at, (at += question.queries.length));
    return question.read(...own.map(({ rows }) => rows));
  });
  return answers as unknown as Answers;
}
