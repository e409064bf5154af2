/** Brings a database to the schema of this program, on one server at a time. */
import type { MikroORM } from "@mikro-orm/mysql";
import * as foundation from "../../migrations/Migration20261123000001_foundation.ts";
import * as orders from "../../migrations/Migration20261123000002_orders.ts";
import * as queue from "../../migrations/Migration20261123000003_queue.ts";
import * as membershipIndex from "../../migrations/Migration20261123000004_membership_index.ts";
import * as products from "../../migrations/Migration20261123000006_products.ts";
import * as membership from "../../migrations/Migration20261123000007_membership.ts";
import * as bills from "../../migrations/Migration20261123000008_bills.ts";
import * as reviews from "../../migrations/Migration20261123000009_reviews.ts";
import * as costs from "../../migrations/Migration20261123000010_costs.ts";
import * as reports from "../../migrations/Migration20261123000011_reports.ts";
import * as ledgerChecks from "../../migrations/Migration20261123000012_ledger_checks.ts";
import * as reconciliation from "../../migrations/Migration20261123000013_reconciliation.ts";
import * as pipelines from "../../migrations/Migration20261123000014_pipelines.ts";
import * as alerts from "../../migrations/Migration20261123000015_alerts.ts";
import { closeOrm, openOrm, type DatabaseTls, type SessionQuery } from "./orm.ts";

/** All migrations in their order. Names are never changed: the database remembers them. */
const MIGRATIONS = [
  {
    name: "Migration20261123000001_foundation",
    class: foundation.Migration20261123000001_foundation,
  },
  {
    name: "Migration20261123000002_orders",
    class: orders.Migration20261123000002_orders,
  },
  {
    name: "Migration20261123000003_queue",
    class: queue.Migration20261123000003_queue,
  },
  {
    name: "Migration20261123000004_membership_index",
    class: membershipIndex.Migration20261123000004_membership_index,
  },
  {
    name: "Migration20261123000006_products",
    class: products.Migration20261123000006_products,
  },
  {
    name: "Migration20261123000007_membership",
    class: membership.Migration20261123000007_membership,
  },
  {
    name: "Migration20261123000008_bills",
    class: bills.Migration20261123000008_bills,
  },
  {
    name: "Migration20261123000009_reviews",
    class: reviews.Migration20261123000009_reviews,
  },
  {
    name: "Migration20261123000010_costs",
    class: costs.Migration20261123000010_costs,
  },
  {
    name: "Migration20261123000011_reports",
    class: reports.Migration20261123000011_reports,
  },
  {
    name: "Migration20261123000012_ledger_checks",
    class: ledgerChecks.Migration20261123000012_ledger_checks,
  },
  {
    name: "Migration20261123000013_reconciliation",
    class: reconciliation.Migration20261123000013_reconciliation,
  },
  {
    name: "Migration20261123000014_pipelines",
    class: pipelines.Migration20261123000014_pipelines,
  },
  {
    name: "Migration20261123000015_alerts",
    class: alerts.Migration20261123000015_alerts,
  },
];

/** Where MikroORM notes what was applied. */
const APPLIED_TABLE = "mikro_orm_migrations";

/** Another server's migration is waited for: on large tables one takes minutes. */
const LOCK_WAIT_SECONDS = 1_800;

/** ER_BINLOG_CREATE_ROUTINE_NEED_SUPER */
const TRIGGER_NEEDS_TRUST = 1419;

export interface MigrateOptions {
  /** `mysql://user:password@host:port/schema`; the account may create tables and triggers. */
  readonly url: string;
  readonly tls?: DatabaseTls | undefined;
  /** Hears what the library has to say; by default the standard error output does. */
  readonly warn?: (message: string) => void;
}

/**
 * Applies what is missing. Any number of programs may do this at once: one works, the others wait
 * and then find nothing missing. What was killed on its way is finished by running it again.
 * @returns the names of what was applied now, in order
 * @throws Error when a migration fails or another program holds the lock for too long
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const { url, tls, warn = (message: string) => console.error(message) } = options;
  // The lock lives and dies with its connection. All statements run on this one connection, and one
  // that replaces it takes the lock before anything else: without the lock nothing is changed.
  const orm = await openOrm({
    url,
    tls,
    poolMax: 1,
    keepsIdle: true,
    // A large table is rebuilt in minutes or hours, and the lock is waited for.
    statementTimeoutMs: Infinity,
    prepare: takeLock,
    migrations: MIGRATIONS,
    // What is applied is returned; the library would tell it a second time.
    warn: (message) => {
      if (!message.startsWith("[migrator]")) warn(message);
    },
  });
  try {
    const applied = await orm.migrator.up();
    return applied.map(({ name }) => name);
  } catch (error) {
    throw explained(error);
  } finally {
    await closeOrm(orm);
  }
}

/** The names of what this program needs and the database has not; [] when it may be served from. */
export async function missingMigrations(orm: MikroORM): Promise<string[]> {
  const em = orm.em.fork();
  const names = MIGRATIONS.map(({ name }) => name);
  const tables = await em.execute<unknown[]>(`show tables like '${APPLIED_TABLE}'`);
  if (tables.length === 0) return names;
  const rows = await em.execute<{ name: string }[]>(`select name from ${APPLIED_TABLE}`);
  const applied = new Set(rows.map(({ name }) => name));
  return names.filter((name) => !applied.has(name));
}

async function takeLock(query: SessionQuery): Promise<void> {
  // Locks are the whole server's: each schema has its own. A name has 64 characters at most.
  const name = "concat('billing-guard-migrate-', left(sha2(database(), 256), 40))";
  const [row] = await query(`select get_lock(${name}, ${LOCK_WAIT_SECONDS}) as taken`);
  if (Number(row?.["taken"]) === 1) return;
  throw new Error(`another program has migrated this database for ${LOCK_WAIT_SECONDS} seconds`);
}

function explained(error: unknown): unknown {
  if (!(error instanceof Error && "errno" in error)) return error;
  if (error.errno !== TRIGGER_NEEDS_TRUST) return error;
  const message = `the account may not create triggers while the binary log is on. Set
log_bin_trust_function_creators=1 on the server, or migrate with an account that has SUPER; then run
the migration again: it goes on where it stopped.`;
  return new Error(message, { cause: error });
}
