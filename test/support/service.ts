/** The whole service behind its real gRPC server, on a schema of its own. */
import { createHash } from "node:crypto";
import type { MikroORM } from "@mikro-orm/mysql";
import { openReconciler } from "../../src/bills.ts";
import type { Cashier } from "../../src/billing/order/cashier.ts";
import type { Reconciler } from "../../src/billing/report/reconcile.ts";
import { Role } from "../../src/gen/billing/option/v1/options.ts";
import type { DatabaseFlavour } from "../../src/local/database.ts";
import { createPipelineReviewer } from "../../src/review/pipeline-reviewer.ts";
import { createAlertBooks } from "../../src/store/alert-books.ts";
import { createAlertReader } from "../../src/store/alert-reader.ts";
import { createCatalogBooks } from "../../src/store/catalog-books.ts";
import { createCatalogReader } from "../../src/store/catalog-reader.ts";
import { createCostBooks } from "../../src/store/cost-books.ts";
import {
  createDiscrepancyBooks,
  createDiscrepancyReader,
} from "../../src/store/discrepancy-books.ts";
import { createCostReader } from "../../src/store/cost-reader.ts";
import { createMembershipReader } from "../../src/store/membership-books.ts";
import { createOrderReader } from "../../src/store/order-reader.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { openReports } from "../../src/reports.ts";
import { openReviewer } from "../../src/reviews.ts";
import { createReviewBooks, createReviewReader } from "../../src/store/review-books.ts";
import { UNOBSERVED_CALLS, type Log, type LogFacts } from "../../src/telemetry/observer.ts";
import type { Identity } from "../../src/wire/identity.ts";
import { startServer, type RunningServer, type ServerOptions } from "../../src/wire/server.ts";
import { openBank, type Bank, type BankOptions } from "./bank.ts";
import { Caller, type CallOptions, type UnaryMethod } from "./calls.ts";

/** Every role by its name in the configuration: `pipeline`, … */
export const ROLE_BY_NAME: Readonly<Record<string, Role>> = Object.fromEntries(
  Object.entries(Role)
    .filter(([, role]) => role > 0)
    .map(([name, role]) => [name.toLowerCase(), role]),
);

/** One identity a role, named like it, and `operator-two` as a second person. */
export const IDENTITIES: readonly Identity[] = [
  ...Object.entries(ROLE_BY_NAME).map(([name, role]) => identity(name, role)),
  identity("operator-two", Role.OPERATOR),
];

function identity(name: string, role: Role): Identity {
  return { name, roles: [role], tokenSha256: sha256(tokenOf(name)) };
}

export function tokenOf(name: string): string {
  return `token-of-${name}`;
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly facts: LogFacts;
  readonly message: string;
}

/** A log that keeps its lines. */
export function keepingLog(): { readonly log: Log; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write = (level: LogLine["level"]) => (facts: LogFacts, message: string) =>
    void lines.push({ level, facts, message });
  return {
    lines,
    log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
  };
}

export type TestServiceOptions = BankOptions &
  Partial<
    Pick<
      ServerOptions,
      | "tls"
      | "identities"
      | "openCallsMax"
      | "drainTimeoutMs"
      | "observer"
      | "host"
      | "allowPlaintext"
    >
  > & {
    /** Who sells; nobody when absent. */
    readonly cashier?: (bank: Bank, orm: MikroORM) => Cashier;
    readonly reconciler?: (bank: Bank, orm: MikroORM) => Reconciler;
    readonly now?: () => number;
  };

export interface TestService {
  /** The store behind the server: its SQL, its clock, and lawful ways to make members. */
  readonly bank: Bank;
  readonly server: RunningServer;
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly caller: Caller;
  readonly logLines: readonly LogLine[];
  /** Calls a method as one of IDENTITIES, `admin` unless told otherwise. */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options?: CallOptions & { readonly as?: string },
  ): Promise<Response>;
  close(): Promise<void>;
}

/** A drain in a test has nothing to wait for unless the test is about it. */
const DRAIN_TIMEOUT_MS = 5_000;

export async function startTestService(
  flavour: DatabaseFlavour,
  options: TestServiceOptions = {},
): Promise<TestService> {
  const bank = await openBank(flavour, options);
  const orm = await openOrm({ url: bank.url, poolMax: 4 });
  const catalogReader = createCatalogReader(orm);
  // A pool that was never used isn't closed with the ORM, and its timer keeps the process alive.
  await catalogReader.listPlans();
  const { log, lines } = keepingLog();
  const { context } = bank;
  const database = { url: bank.url };
  const reports = await openReports({ database, orm, context, vatBasisPoints: 600n });
  const reviewer = openReviewer({ books: createReviewBooks(orm, bank.context), now: Date.now });
  const server = await startServer({
    host: options.host ?? "127.0.0.1",
    port: 0,
    tls: options.tls,
    allowPlaintext: options.allowPlaintext ?? false,
    identities: options.identities ?? IDENTITIES,
    quota: { teller: bank.teller, reader: bank.reader },
    membership: {
      teller: bank.teller,
      quotaReader: bank.reader,
      reader: createMembershipReader(orm, bank.context),
      catalogReader,
    },
    catalog: {
      books: createCatalogBooks(orm, bank.context),
      reader: catalogReader,
      reviewer: createPipelineReviewer(),
    },
    orders: {
      cashier: options.cashier?.(bank, orm),
      reader: createOrderReader(orm, bank.context.sealer),
      now: options.now ?? Date.now,
    },
    reports: {
      costs: createCostBooks(orm, bank.context),
      costReader: createCostReader(orm),
      discrepancies: createDiscrepancyBooks(orm, bank.context),
      discrepancyReader: createDiscrepancyReader(orm),
      reconciler: options.reconciler?.(bank, orm) ?? openReconciler(undefined, orm, bank.context),
      now: options.now ?? Date.now,
      maker: reports.maker,
      reader: reports.reader,
      alerts: createAlertBooks(orm, bank.context),
      alertReader: createAlertReader(orm, bank.context),
    },
    reviews: { reviewer, reader: createReviewReader(orm) },
    observer: options.observer ?? UNOBSERVED_CALLS,
    log,
    drainTimeoutMs: options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS,
    ...(options.openCallsMax === undefined ? {} : { openCallsMax: options.openCallsMax }),
  });
  const address = `127.0.0.1:${server.port}`;
  const caller = new Caller(address);
  return {
    bank,
    server,
    address,
    caller,
    logLines: lines,
    call: (method, request, { as = "admin", ...more } = {}) =>
      caller.call(method, request, { token: tokenOf(as), ...more }),
    async close() {
      caller.close();
      await server.drain();
      await reports.close();
      await closeOrm(orm);
      await bank.close();
    },
  };
}
