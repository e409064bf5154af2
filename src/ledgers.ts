/** The check of the ledgers, put together, for a server. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { MINUTE_MS } from "./billing/clock.ts";
import { LEDGER_LEASE_MS, startLedgerChecker, type LedgerObserver } from "./job/ledger-checker.ts";
import { createJobTurns } from "./store/job-turns.ts";
import { createLedgerRecords, type LedgerRecordsContext } from "./store/ledger-check-records.ts";
import { checkLedgers } from "./store/ledger-check.ts";
import { closeOrm, openOrm, type OrmOptions } from "./store/orm.ts";

/** One reads page after page, the other keeps the turn and writes down what came of it. */
export const LEDGER_CONNECTIONS = 2;
/** A user with millions of rows is one page, which takes its time. */
const PAGE_TIMEOUT_MS = 10 * MINUTE_MS;
const JOB = "ledger-check";

export interface LedgersOptions {
  readonly database: Pick<OrmOptions, "url" | "tls" | "warn">;
  readonly context: LedgerRecordsContext;
  readonly intervalMs: number;
  readonly observer: LedgerObserver;
  /** How long the turn stays with a server that says nothing any more. */
  readonly leaseMs?: number;
}

export interface Ledgers {
  close(): Promise<void>;
}

/** Starts checking, on connections of its own: nobody who is served waits for one that reads a page. */
export async function openLedgers(options: LedgersOptions): Promise<Ledgers> {
  const { database, context, intervalMs, observer, leaseMs = LEDGER_LEASE_MS } = options;
  const orm = await openOrm({
    ...database,
    poolMax: LEDGER_CONNECTIONS,
    statementTimeoutMs: PAGE_TIMEOUT_MS,
  });
  // A server that is started anew, on the same machine and with the same number, is another one.
  const owner = `${hostname().slice(0, 24)}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const turns = createJobTurns(orm, { job: JOB, owner, leaseMs });
  const records = createLedgerRecords(orm, context, turns, owner);
  const check = checkLedgers.bind(undefined, orm);
  const checker = startLedgerChecker({ turns, records, check, intervalMs, leaseMs, observer });
  return {
    async close() {
      await checker.stop();
      await closeOrm(orm);
    },
  };
}
