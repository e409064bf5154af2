/** The looks at the rules of alerts, put together, for a server. */
import { randomUUID, X509Certificate } from "node:crypto";
import { hostname } from "node:os";
import { MINUTE_MS } from "./billing/clock.ts";
import { ALERT_LEASE_MS, startAlertChecker, type AlertObserver } from "./job/alert-checker.ts";
import { createAlertChecks, type AlertChecksContext } from "./store/alert-checks.ts";
import { createAlertFacts, type LocalFacts } from "./store/alert-facts.ts";
import { createJobTurns } from "./store/job-turns.ts";
import { closeOrm, openOrm, type OrmOptions } from "./store/orm.ts";

/** One statement after the other. */
export const ALERT_CONNECTIONS = 1;
/** A day of many reservations takes its time. */
const STATEMENT_TIMEOUT_MS = MINUTE_MS;
const JOB = "alert-check";

export interface AlertsOptions {
  readonly database: Pick<OrmOptions, "url" | "tls" | "warn">;
  readonly context: AlertChecksContext;
  readonly local: LocalFacts;
  readonly intervalMs: number;
  readonly observer: AlertObserver;
  /** How long the turn stays with a server that says nothing any more. */
  readonly leaseMs?: number;
}

export interface Alerts {
  close(): Promise<void>;
}

/** Starts looking, on a connection of its own: nobody who is served waits for it. */
export async function openAlerts(options: AlertsOptions): Promise<Alerts> {
  const { database, context, local, intervalMs, observer, leaseMs = ALERT_LEASE_MS } = options;
  const orm = await openOrm({
    ...database,
    poolMax: ALERT_CONNECTIONS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  // A server that is started anew, on the same machine and with the same number, is another one.
  const owner = `${hostname().slice(0, 24)}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const turns = createJobTurns(orm, { job: JOB, owner, leaseMs });
  const checker = startAlertChecker({
    turns,
    facts: createAlertFacts(orm, context, local),
    checks: createAlertChecks(orm, context, turns),
    intervalMs,
    observer,
  });
  return {
    async close() {
      await checker.stop();
      await closeOrm(orm);
    },
  };
}

/** When the certificates of a PEM text run out. */
export function expiriesOf(name: string, pem: Buffer | undefined) {
  const blocks = pem
    ?.toString()
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return (blocks ?? []).map((block, at) => ({
    name: at === 0 ? name : `${name}-${at + 1}`,
    expireTimeMs: new X509Certificate(block).validToDate.getTime(),
  }));
}
