/**
 * A pool in which nothing is waited for without end. A server that hangs, or a network that swallows all
 * it is given, neither answers nor breaks the connection: mysql2 alone would wait for ever.
 */
import type { Pool, PoolConnection } from "mysql2";

/** A statement, or a free connection, was waited for as long as may be. */
export class DatabaseHangs extends Error {
  override readonly name = "DatabaseHangs";
  /** Known as a lost connection: whether the statement was done, nobody can say. */
  readonly code = "ETIMEDOUT";

  constructor(waitedFor: string, limitMs: number) {
    super(`${waitedFor} did not come within ${limitMs} ms`);
  }
}

/**
 * Bounds each statement, and each wait for a connection, from now on. A connection whose statement has
 * taken too long is destroyed, since its transaction is in nobody's hands any more; and one that has
 * been silent since before that is replaced when it would be used: the same has probably befallen it.
 * @param limitMs longer than a statement may lawfully take, its wait for locked rows included
 */
export function boundWaits(pool: Pool, limitMs: number): void {
  const answeredMs = new WeakMap<PoolConnection, number>();
  /** When the latest statement that hung was begun. */
  let hungSinceMs = -Infinity;
  pool.on("connection", (connection: PoolConnection) => {
    boundStatements(connection, limitMs, {
      answered: () => answeredMs.set(connection, performance.now()),
      hung: (startedMs) => (hungSinceMs = Math.max(hungSinceMs, startedMs)),
    });
  });
  const isSuspect = (connection: PoolConnection) =>
    (answeredMs.get(connection) ?? Infinity) < hungSinceMs;
  boundAcquisition(pool, limitMs, isSuspect);
}

interface Statements {
  answered(): void;
  hung(startedMs: number): void;
}

/** The one form in which MikroORM's query layer runs a statement. */
type Query = (sql: string, values: readonly unknown[], done: Done) => unknown;
type Done = (error: unknown, ...results: unknown[]) => void;

function boundStatements(connection: PoolConnection, limitMs: number, told: Statements): void {
  const query = connection.query.bind(connection) as unknown as Query;
  const bounded: Query = (sql, values, done) => {
    const startedMs = performance.now();
    const watchdog = setTimeout(() => {
      told.hung(startedMs);
      destroy(connection, new DatabaseHangs("the answer to a statement", limitMs));
    }, limitMs);
    return query(sql, values, (error, ...results) => {
      clearTimeout(watchdog);
      told.answered();
      done(error, ...results);
    });
  };
  connection.query = bounded as never;
}

type GetConnection = Pool["getConnection"];

function boundAcquisition(
  pool: Pool,
  limitMs: number,
  isSuspect: (connection: PoolConnection) => boolean,
): void {
  const getConnection: GetConnection = pool.getConnection.bind(pool);
  pool.getConnection = (done) => {
    let isOver = false;
    const watchdog = setTimeout(() => {
      isOver = true;
      done(new DatabaseHangs("a free connection", limitMs), undefined as never);
    }, limitMs);
    const next = (): void =>
      getConnection((error, connection) => {
        if (error === null && isSuspect(connection)) {
          connection.destroy();
          if (!isOver) return next();
        } else if (isOver) {
          // Whoever waited has gone: it's somebody else's now.
          if (error === null) connection.release();
        } else {
          clearTimeout(watchdog);
          done(error, connection);
        }
      });
    next();
  };
}

/** Not by `connection.destroy`, which waits for the other side's farewell. */
function destroy(connection: PoolConnection, fault: Error): void {
  (connection as unknown as { stream: { destroy(error: Error): void } }).stream.destroy(fault);
}
