/**
 * The server, put together: config, telemetry, store, wire, jobs. It closes in reverse. There's no
 * logic here: what a part does stands in the part.
 */
import { hostname } from "node:os";
import { openReconciler } from "./bills.ts";
import { createIdSource } from "./billing/id.ts";
import { ConfigError, loadConfig, type Config } from "./config.ts";
import { admitting } from "./console/admit.ts";
import { startConsole, type RunningConsole } from "./console/console.ts";
import { createReadiness, lookAtDatabase, type Finding, type Readiness } from "./job/readiness.ts";
import { startMembershipSweeper, type MembershipSweeper } from "./job/membership-sweeper.ts";
import { startSweeper, type Sweeper } from "./job/sweeper.ts";
import { expiriesOf, openAlerts, type Alerts } from "./alerts.ts";
import { openLedgers, type Ledgers } from "./ledgers.ts";
import { Closers, runUntilSignal, type Program } from "./lifecycle.ts";
import { openPayments, type Payments } from "./payments.ts";
import type { Reviewer } from "./billing/review/review.ts";
import { startQueue, type RunningQueue } from "./queue/queue.ts";
import { openReports, type RunningReports } from "./reports.ts";
import { packageVersion } from "./review/cli/package-files.ts";
import { openReviewer, type RunningReviewer } from "./reviews.ts";
import { createBatchRunner, NO_SECOND_LAYER, type SecondLayer } from "./store/batch-runner.ts";
import { createPipelineReviewer } from "./review/pipeline-reviewer.ts";
import { createCatalogBooks } from "./store/catalog-books.ts";
import { createCatalogCache } from "./store/catalog-cache.ts";
import { createCatalogReader } from "./store/catalog-reader.ts";
import { createAlertBooks } from "./store/alert-books.ts";
import { createAlertReader } from "./store/alert-reader.ts";
import { createCostBooks } from "./store/cost-books.ts";
import { createCostReader } from "./store/cost-reader.ts";
import { createDiscrepancyBooks, createDiscrepancyReader } from "./store/discrepancy-books.ts";
import { createMembershipFinder } from "./store/membership-finder.ts";
import { createMembershipReader } from "./store/membership-books.ts";
import { migrate } from "./store/migrate.ts";
import { closeOrm, openOrm } from "./store/orm.ts";
import { createOrderReader } from "./store/order-reader.ts";
import { createQuotaReader } from "./store/quota-reader.ts";
import { createReviewBooks, createReviewReader } from "./store/review-books.ts";
import { openRedisLayer } from "./store/redis-layer.ts";
import { createSealer } from "./store/sealing.ts";
import { seedCatalog } from "./store/seed.ts";
import { createSweepFinder } from "./store/sweep-finder.ts";
import { createTeller } from "./store/teller.ts";
import type { Log } from "./telemetry/observer.ts";
import { observeTeller } from "./telemetry/observed-teller.ts";
import { openTelemetry, type Telemetry, type TelemetryOptions } from "./telemetry/telemetry.ts";
import { exportTo } from "./telemetry/tracing.ts";
import { startServer, type RunningServer } from "./wire/server.ts";

/** A server that runs; it may not be ready yet. */
export interface Service extends Program {
  /** Where calls are listened for; the port is the real one where 0 was given. */
  readonly grpc: { readonly host: string; readonly port: number };
  readonly metricsUrl: string;
  /** Resolves when the server is ready for the first time. */
  readonly ready: Promise<void>;
}

/** What is left to do after a drain: the last batches, and closing connections. */
const CLOSE_MARGIN_MS = 15_000;

/**
 * Starts a server. It listens at once, and serves as soon as its database is there and fit.
 * @throws Error when an address can't be listened on
 */
export async function startService(config: Config): Promise<Service> {
  const closers = new Closers();
  try {
    return await assemble(config, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function assemble(config: Config, closers: Closers): Promise<Service> {
  const telemetry = await openTelemetry(telemetryOptions(config));
  const { log } = telemetry;
  closers.add("telemetry", () => telemetry.close());
  const store = await openStore(config, telemetry, closers);
  const readiness = createReadiness();
  const payments = await openTill(config, telemetry, store, readiness);
  closers.add("payments", async () => payments?.close());
  const reports = await openReporting(config, telemetry, store);
  closers.add("reports", () => reports.close());
  const reviewer = openReviews(telemetry, store);
  closers.add("reviews", async () => reviewer.close());
  const wire = await serve(config, telemetry, store, readiness, { payments, reviewer, reports });
  closers.add("server", () => wire.drain());
  const shown = await openConsole(config, telemetry, store, readiness, reports);
  closers.add("console", async () => shown?.close());
  let sweeper: Sweeper | undefined;
  let memberships: MembershipSweeper | undefined;
  let queue: RunningQueue | undefined;
  let ledgers: Promise<Ledgers | undefined> | undefined;
  let alerts: Promise<Alerts | undefined> | undefined;
  void readiness.first.then(() => {
    sweeper = sweep(config, telemetry, store);
    memberships = sweepMemberships(config, telemetry, store);
    queue = deliver(config, telemetry, store);
    ledgers = checkLedgers(config, telemetry, store);
    scheduleReports(config, telemetry, reports);
    alerts = checkAlerts(config, telemetry, store, payments);
    payments?.startChecking();
  });
  closers.add("sweeper", async () => sweeper?.stop());
  closers.add("membership sweeper", async () => memberships?.stop());
  closers.add("queue", async () => queue?.close());
  closers.add("ledger check", async () => (await ledgers)?.close());
  closers.add("alert check", async () => (await alerts)?.close());
  watch(config, telemetry, store, readiness, wire);
  closers.add("readiness", async () => readiness.stop());
  const { host } = config.grpc;
  log.info({ host, port: wire.port, metrics: telemetry.metricsUrl }, "listening");
  return {
    log,
    grpc: { host, port: wire.port },
    metricsUrl: telemetry.metricsUrl,
    ready: readiness.first,
    closeTimeoutMs: config.drainTimeoutMs + CLOSE_MARGIN_MS,
    close: () => closers.close(),
  };
}

type Store = Awaited<ReturnType<typeof openStore>>;

async function openStore(config: Config, telemetry: Telemetry, closers: Closers) {
  const { log, instruments, tellerTraces } = telemetry;
  const { url, tls, poolMax, statementTimeoutMs } = config.database;
  const warn = (text: string) => log.warn({ text }, "a word of the ORM");
  const { lanes } = config.teller;
  const pool = { url, tls, statementTimeoutMs, warn };
  const orm = await openOrm({ ...pool, poolMax: poolMax - lanes });
  closers.add("database", () => closeOrm(orm));
  // Of their own, so that no flood of reads keeps a batch waiting for a connection.
  const lanesOrm = await openOrm({ ...pool, poolMax: lanes, severalStatements: true });
  closers.add("lanes' database", () => closeOrm(lanesOrm));
  const relay: { queue?: RunningQueue } = {};
  const context = {
    ids: createIdSource(Math.random),
    timeOf: (databaseMs: number) => databaseMs,
    refundWindowMs: config.refundWindowMs,
    catalogAt: createCatalogCache(),
    sealer: config.sealing && createSealer(config.sealing),
    eventsCommitted: () => relay.queue?.wake(),
  };
  const secondLayer = openSecondLayer(config, telemetry, closers);
  const runner = createBatchRunner(lanesOrm, context, secondLayer, telemetry.batches);
  const options = { ...config.teller, observer: telemetry.lanes };
  const unobserved = createTeller(tellerTraces.around(runner), options);
  const { answered } = telemetry.refusals;
  const teller = observeTeller(unobserved, instruments, tellerTraces, answered);
  closers.add("teller", () => teller.drain());
  return { orm, context, teller, relay };
}

/** Without Redis every answer is still right, so its absence is told loudly and stops nothing. */
function openSecondLayer(config: Config, telemetry: Telemetry, closers: Closers): SecondLayer {
  const { log, instruments, redis: observer } = telemetry;
  instruments.redisDegraded.set(config.redis === undefined ? 1 : 0);
  if (config.redis === undefined) {
    log.warn({}, "REDIS_URL is not set: no second layer, the database alone guards");
    return NO_SECOND_LAYER;
  }
  const { floodMaxPerSecond } = config;
  const layer = openRedisLayer({ ...config.redis, floodMaxPerSecond, observer });
  closers.add("redis", () => layer.close());
  return layer;
}

/** Nothing is sold where no merchant account is configured. */
function openTill(
  config: Config,
  telemetry: Telemetry,
  { orm, context, teller }: Store,
  readiness: Readiness,
): Promise<Payments | undefined> {
  const { wechat } = config;
  const { sealer } = context;
  // The configuration has made sure that there are keys where there is a merchant.
  if (wechat === undefined || sealer === undefined) return Promise.resolve(undefined);
  return openPayments({
    ...wechat,
    orm,
    context,
    sealer,
    teller: readiness.guard(teller),
    reader: readiness.guard(createOrderReader(orm, sealer)),
    log: telemetry.log,
    observer: telemetry.payments,
    bills: wechat.checkBills ? telemetry.bills : undefined,
  });
}

/** What is behind the services and lives as long as the server. */
interface Rooms {
  readonly payments: Payments | undefined;
  readonly reviewer: Reviewer;
  readonly reports: RunningReports;
}

function serve(
  config: Config,
  telemetry: Telemetry,
  { orm, context, teller }: Store,
  readiness: Readiness,
  { payments, reviewer, reports }: Rooms,
): Promise<RunningServer> {
  const served = readiness.guard(teller);
  const quotaReader = readiness.guard(createQuotaReader(orm, context));
  const catalogReader = readiness.guard(createCatalogReader(orm));
  const reader = readiness.guard(createMembershipReader(orm, context));
  const books = readiness.guard(createCatalogBooks(orm, context));
  return startServer({
    ...config.grpc,
    // The configuration has made sure that plain text is meant.
    allowPlaintext: config.grpc.tls === undefined,
    ready: false,
    identities: config.identities,
    quota: { teller: served, reader: quotaReader },
    membership: { teller: served, quotaReader, reader, catalogReader },
    catalog: { books, reader: catalogReader, reviewer: createPipelineReviewer() },
    orders: {
      cashier: payments?.cashier,
      reader: readiness.guard(createOrderReader(orm, context.sealer)),
      now: Date.now,
    },
    reports: {
      costs: readiness.guard(createCostBooks(orm, context)),
      costReader: readiness.guard(createCostReader(orm)),
      maker: readiness.guard(reports.maker),
      reader: readiness.guard(reports.reader),
      discrepancies: readiness.guard(createDiscrepancyBooks(orm, context)),
      discrepancyReader: readiness.guard(createDiscrepancyReader(orm)),
      reconciler: readiness.guard(openReconciler(payments?.bills, orm, context)),
      now: Date.now,
      alerts: readiness.guard(createAlertBooks(orm, context)),
      alertReader: readiness.guard(createAlertReader(orm, context)),
    },
    reviews: {
      reviewer: readiness.guard(reviewer),
      reader: readiness.guard(createReviewReader(orm)),
    },
    observer: telemetry.calls,
    log: telemetry.log,
    drainTimeoutMs: config.drainTimeoutMs,
  });
}

function openReporting(
  { database: { url, tls }, reports: { vatBasisPoints } }: Config,
  { log }: Telemetry,
  { orm, context }: Store,
): Promise<RunningReports> {
  const warn = (text: string) => log.warn({ text }, "a word of the ORM");
  return openReports({ database: { url, tls, warn }, orm, context, vatBasisPoints });
}

function scheduleReports(
  { reports: { timeOfDayMs }, redis }: Config,
  { reports: observer }: Telemetry,
  reports: RunningReports,
): void {
  if (timeOfDayMs === null) return;
  reports.schedule({ timeOfDayMs, redisUrl: redis?.url, observer });
}

/** Nobody looks where no port is configured. */
async function openConsole(
  { console: place, grpc, identities }: Config,
  { log }: Telemetry,
  { orm, context }: Store,
  readiness: Readiness,
  reports: RunningReports,
): Promise<RunningConsole | undefined> {
  if (place === undefined) return undefined;
  const running = await startConsole({
    ...place,
    tls: grpc.tls,
    admit: admitting(identities),
    sources: {
      maker: readiness.guard(reports.maker),
      reader: readiness.guard(reports.reader),
      alerts: readiness.guard(createAlertReader(orm, context)),
      discrepancies: readiness.guard(createDiscrepancyReader(orm)),
    },
    now: Date.now,
    log,
  });
  log.info({ url: running.url }, "the console is there");
  return running;
}

function openReviews(telemetry: Telemetry, { orm, context }: Store): RunningReviewer {
  const books = createReviewBooks(orm, context);
  const reviewer = openReviewer({ books, now: Date.now, made: telemetry.reviews.made });
  telemetry.reviews.watch(reviewer.turns);
  return reviewer;
}

function watch(
  { database }: Config,
  { log, instruments }: Telemetry,
  { orm }: Store,
  readiness: Readiness,
  wire: RunningServer,
): void {
  const changed = (isReady: boolean) => {
    instruments.serverReady.set(isReady ? 1 : 0);
    wire.setReady(isReady);
  };
  changed(false);
  readiness.watch({
    prepare: async () => {
      const warn = (text: string) => log.info({ text }, "a word of the migrator");
      if (database.migrateOnStart) await migrate({ url: database.url, tls: database.tls, warn });
      if (database.seedOnStart) await seedCatalog(orm, Date.now());
    },
    look: () => lookAtDatabase(orm, database.allowWeakDurability),
    found: (finding, looks) => logFinding(log, finding, looks),
    changed,
  });
}

function logFinding(log: Log, finding: Finding, looks: number): void {
  if (finding.kind === "fit") return log.info({}, "ready");
  const fault = finding.kind === "away" ? { err: finding.fault } : {};
  log.error({ why: finding.why, looks, ...fault }, "not ready");
}

function sweep(config: Config, telemetry: Telemetry, { orm, context, teller }: Store): Sweeper {
  return startSweeper({
    teller,
    finder: createSweepFinder(orm, context),
    intervalMs: config.sweepIntervalMs,
    observer: telemetry.sweeps,
  });
}

function sweepMemberships(
  config: Config,
  telemetry: Telemetry,
  { orm, context, teller }: Store,
): MembershipSweeper {
  return startMembershipSweeper({
    teller,
    finder: createMembershipFinder(orm, context),
    intervalMs: config.sweepIntervalMs,
    aheadMs: config.membershipExpiringMs,
    observer: telemetry.memberships,
  });
}

async function checkLedgers(
  { database: { url, tls }, ledgerCheckIntervalMs: intervalMs }: Config,
  { log, ledgers: observer }: Telemetry,
  { context }: Store,
): Promise<Ledgers | undefined> {
  if (intervalMs === 0) return undefined;
  const warn = (text: string) => log.warn({ text }, "a word of the ORM");
  return openLedgers({ database: { url, tls, warn }, context, intervalMs, observer });
}

async function checkAlerts(
  { database: { url, tls }, alertCheckIntervalMs: intervalMs, grpc }: Config,
  { log, alerts: observer, refusals }: Telemetry,
  { context }: Store,
  payments: Payments | undefined,
): Promise<Alerts | undefined> {
  if (intervalMs === 0) return undefined;
  const warn = (text: string) => log.warn({ text }, "a word of the ORM");
  const own = [
    ...expiriesOf("server", grpc.tls?.certPem),
    ...expiriesOf("client-authority", grpc.tls?.clientCaPem),
  ];
  const local = {
    refusals: refusals.read,
    expiries: () => {
      // A new certificate of the platform is there before the old one runs out: the last one counts.
      const [longest] = payments?.gateway.certificates() ?? [];
      if (longest === undefined) return own;
      return [...own, { name: "wechat-pay", expireTimeMs: longest.expireTimeMs }];
    },
  };
  return openAlerts({ database: { url, tls, warn }, context, local, intervalMs, observer });
}

function deliver(config: Config, telemetry: Telemetry, { orm, relay }: Store): RunningQueue {
  const { redis, endpoints } = config;
  relay.queue = startQueue({ orm, redis, endpoints, observer: telemetry.queue });
  return relay.queue;
}

function telemetryOptions(config: Config): TelemetryOptions {
  const { tracing } = config;
  return {
    instance: `${hostname()}-${process.pid}`,
    version: packageVersion(),
    log: { level: config.logLevel },
    metrics: config.metrics,
    tracing: tracing && {
      sampleRatio: tracing.sampleRatio,
      processor: exportTo(tracing.endpoint),
    },
  };
}

const EXIT_FAULT = 1;
const EXIT_CONFIG = 2;

/** Runs as the environment says, until a signal. */
async function run(environment: NodeJS.ProcessEnv): Promise<void> {
  try {
    runUntilSignal(await startService(loadConfig(environment)));
  } catch (error) {
    const isConfig = error instanceof ConfigError;
    if (isConfig) console.error(`the configuration has faults:\n${error.message}`);
    else console.error("the server can't start:", error);
    // Not by running out of work: a library's timer would keep a server alive that doesn't serve.
    process.exit(isConfig ? EXIT_CONFIG : EXIT_FAULT);
  }
}

if (import.meta.main) await run(process.env);
