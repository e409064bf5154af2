/** The one way to the database: a pool of connections whose sessions all have the same rules. */
import { Migrator } from "@mikro-orm/migrations";
import { defineConfig, MikroORM, type Options } from "@mikro-orm/mysql";
import { format, type Pool } from "mysql2";
import { boundWaits } from "./bounded-pool.ts";
import { ALERT_TABLES } from "./alert-tables.ts";
import { BILL_TABLES } from "./bill-tables.ts";
import { COST_TABLES } from "./cost-tables.ts";
import { LEDGER_CHECK_TABLES } from "./ledger-check-tables.ts";
import { QUEUE_TABLES } from "./queue-tables.ts";
import { BillingReportTable } from "./report-rows.ts";
import { ReviewTable } from "./review-rows.ts";
import { TABLES } from "./tables.ts";

export interface OrmOptions {
  /** `mysql://user:password@host:port/schema`; MySQL 8.4, MariaDB 10.11, or later. */
  readonly url: string;
  /** How connections are encrypted; not at all when absent. */
  readonly tls?: DatabaseTls | undefined;
  /** Connections at most, from 1. */
  readonly poolMax: number;
  /**
   * True: one text may hold several statements, see together.ts. Only for a pool whose texts are all
   * made by ourselves, since what isn't escaped there can do more harm than in a single statement.
   */
  readonly severalStatements?: boolean;
  /** Callers that may wait for a connection; a further one fails at once with `queue-full`. */
  readonly queueLimit?: number;
  /** What a connection gets to be made, in milliseconds. */
  readonly connectTimeoutMs?: number;
  /**
   * What a statement, or the wait for a connection, may take, in milliseconds; then the connection is
   * destroyed. Longer than a lock is waited for. Infinity: no bound, for work that nobody waits for.
   */
  readonly statementTimeoutMs?: number;
  /** True keeps connections that nobody uses; by default they are closed after a while. */
  readonly keepsIdle?: boolean;
  readonly migrations?: NonNullable<NonNullable<Options["migrations"]>["migrationsList"]>;
  /** Prepares each new connection further; when it throws, the connection is closed unused. */
  readonly prepare?: (query: SessionQuery) => Promise<void>;
  /** Hears what the library has to say; by default the standard error output does. */
  readonly warn?: (message: string) => void;
}

/** What TLS has to prove. */
export interface DatabaseTls {
  /** True: the certificate is the named host's, and an authority vouches for it. False: it's any. */
  readonly verifies: boolean;
  /** The authorities, PEM; those that Node trusts when absent. */
  readonly caPem?: Buffer | undefined;
}

/** Runs a statement on the connection that is being prepared. */
export type SessionQuery = (sql: string) => Promise<readonly Record<string, unknown>[]>;

/** Each waiter holds a request open; more than this means that the database can't keep up. */
const QUEUE_LIMIT_DEFAULT = 200;
/** On a local network a connection takes milliseconds; callers wait a few seconds at most. */
const CONNECT_TIMEOUT_MS = 2_000;
/** A statement takes milliseconds, and a lock is waited for some seconds: what is silent longer, hangs. */
export const STATEMENT_TIMEOUT_MS = 6_000;
/** Shorter than proxies and firewalls keep a silent connection open. */
const IDLE_TIMEOUT_MS = 60_000;
/** Shorter than a caller's deadline, and longer than any transaction of ours holds a row. */
const LOCK_WAIT_SECONDS = 4;
/**
 * A session that has been silent for so long is the server's to end, and with it the locks of a server of
 * ours that is no longer heard of. Ours end idle sessions before that.
 */
const SILENT_SECONDS = (2 * IDLE_TIMEOUT_MS) / 1_000;

/**
 * Any fault in a value fails the statement: nothing is rounded, cut or zeroed quietly. It's also
 * what makes escaping right: with NO_BACKSLASH_ESCAPES or ANSI_QUOTES quotes mean something else.
 */
export const SESSION_SQL_MODE = [
  "ONLY_FULL_GROUP_BY",
  "STRICT_TRANS_TABLES",
  "STRICT_ALL_TABLES",
  "NO_ZERO_IN_DATE",
  "NO_ZERO_DATE",
  "ERROR_FOR_DIVISION_BY_ZERO",
  "NO_ENGINE_SUBSTITUTION",
].join(",");

/** What every session is told once, so that no transaction has to. */
const SESSION_SQL = [
  "set names utf8mb4 collate utf8mb4_bin",
  // Locks are taken first and rows read after them: what is read must be what is committed now.
  "set session transaction isolation level read committed",
  `set session innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, time_zone = '+00:00',
     sql_mode = '${SESSION_SQL_MODE}', autocommit = 1`,
];

/** A pool on the database. No connection is made before the first statement. */
export async function openOrm(options: OrmOptions): Promise<MikroORM> {
  const orm = await MikroORM.init(configOf(options));
  // Makes the pool. Left to the first statement, several at once would make several pools, of which
  // all but one are lost with their connections.
  await orm.connect();
  const limitMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  if (limitMs !== Infinity) boundWaits(await poolOf(orm), limitMs);
  return orm;
}

function configOf(options: OrmOptions): Options {
  const warn = options.warn ?? ((message: string) => console.error(message));
  return defineConfig({
    clientUrl: options.url,
    entities: [
      ...TABLES,
      ...BILL_TABLES,
      ...COST_TABLES,
      ...QUEUE_TABLES,
      ...LEDGER_CHECK_TABLES,
      BillingReportTable,
      ...ALERT_TABLES,
      ReviewTable,
    ],
    extensions: [Migrator],
    multipleStatements: options.severalStatements ?? false,
    charset: "utf8mb4",
    collate: "utf8mb4_bin",
    timezone: "Z",
    allowGlobalContext: false,
    // The account of a server need not be allowed to make databases.
    ensureDatabase: false,
    pool: {
      max: options.poolMax,
      // The driver closes those above `min` within a second, and the others only when their time
      // is over: with 0 it would close every connection that rests for a moment.
      ...(!options.keepsIdle && { min: options.poolMax - 1, idleTimeoutMillis: IDLE_TIMEOUT_MS }),
    },
    driverOptions: {
      connectTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      queueLimit: options.queueLimit ?? QUEUE_LIMIT_DEFAULT,
      ...(options.tls && { ssl: sslOf(options.tls) }),
      // Bulk statements bear their values already: they need not be searched for marks.
      queryFormat: (sql: string, values: Parameters<typeof format>[1]) =>
        Array.isArray(values) && values.length === 0 ? sql : format(sql, values),
    },
    onCreateConnection: async (connection) => {
      await prepareSession(connection as Session, options);
    },
    migrations: {
      migrationsList: options.migrations ?? [],
      // DDL of MySQL commits by itself: a transaction around it would only pretend.
      transactional: false,
      allOrNothing: false,
      // What is read back from MariaDB is worded in another way than what was written.
      snapshot: false,
      disableForeignKeys: false,
    },
    logger: warn,
    colors: false,
  });
}

/** Closes the pool; what still runs on its connections fails. */
export async function closeOrm(orm: MikroORM): Promise<void> {
  const pool = await poolOf(orm);
  await orm.close(true);
  // A pool that never ran a statement isn't ended with the ORM, and its timer would keep the program.
  await new Promise<void>((resolve) => pool.end(() => resolve()));
}

async function poolOf(orm: MikroORM): Promise<Pool> {
  return orm.em.getDriver().getConnection().getNativeClient();
}

function sslOf({ verifies, caPem }: DatabaseTls) {
  const trust = { rejectUnauthorized: verifies, verifyIdentity: verifies };
  return { ...trust, minVersion: "TLSv1.2", ...(caPem && { ca: caPem }) };
}

/** The part that we use of the connection which MikroORM's query layer hands out. */
interface Session {
  executeQuery(query: {
    readonly sql: string;
    readonly parameters: readonly [];
  }): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
  killSession(control: () => Promise<void>): Promise<void>;
}

async function prepareSession(session: Session, options: OrmOptions): Promise<void> {
  const query: SessionQuery = async (sql) =>
    (await session.executeQuery({ sql, parameters: [] })).rows;
  try {
    for (const sql of SESSION_SQL) await query(sql);
    // A connection that is kept for itself, as the migrator's is for its lock, may be silent for long.
    if (!options.keepsIdle) await query(`set session wait_timeout = ${SILENT_SECONDS}`);
    await options.prepare?.(query);
  } catch (error) {
    // A session without its rules must not be used, and nobody else gives its place back.
    await session.killSession(() => Promise.resolve());
    throw error;
  }
}
