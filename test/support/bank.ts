/** The store as a server has it, on a schema of its own: for tests that need no wire. */
import type { MikroORM } from "@mikro-orm/mysql";
import { createIdSource, type FeatureId, type TaskId, type UserId } from "../../src/billing/id.ts";
import { registerUser } from "../../src/billing/membership/register-user.ts";
import { commitQuota } from "../../src/billing/quota/commit-quota.ts";
import type { Command, UseCase } from "../../src/billing/quota/desk.ts";
import { grantQuota } from "../../src/billing/quota/grant-quota.ts";
import type { QuotaReader } from "../../src/billing/quota/reader.ts";
import { reserveQuota } from "../../src/billing/quota/reserve-quota.ts";
import type { Reservation } from "../../src/billing/quota/reservation.ts";
import type { Served } from "../../src/billing/quota/teller.ts";
import type { DatabaseFlavour } from "../../src/local/database.ts";
import { createBatchRunner, NO_SECOND_LAYER } from "../../src/store/batch-runner.ts";
import type { BatchObserver, SecondLayer } from "../../src/store/batch-runner.ts";
import { createCatalogCache } from "../../src/store/catalog-cache.ts";
import { migrate } from "../../src/store/migrate.ts";
import { closeOrm, openOrm, type SessionQuery } from "../../src/store/orm.ts";
import type { BatchContext } from "../../src/store/quota-batch.ts";
import { createQuotaReader } from "../../src/store/quota-reader.ts";
import type { Row } from "../../src/store/cell.ts";
import { seedCatalog } from "../../src/store/seed.ts";
import { createSealer } from "../../src/store/sealing.ts";
import { createSweepFinder, type SweepFinder } from "../../src/store/sweep-finder.ts";
import { createTeller, type LaneTeller, type ServeTickets } from "../../src/store/teller.ts";
import { freshSchema } from "./servers.ts";

export interface Bank {
  readonly url: string;
  readonly teller: LaneTeller;
  readonly reader: QuotaReader;
  readonly finder: SweepFinder;
  readonly context: BatchContext;
  readonly serveTickets: ServeTickets;
  /** Moves the time of decisions, in milliseconds, on top of what it was moved before. */
  advance(ms: number): void;
  sql(text: string): Promise<Row[]>;
  /** Submits with a key of its own unless one is given. */
  send<Input extends object, Answer>(
    useCase: UseCase<Input, Answer>,
    input: Input,
    more?: SendOptions,
  ): Promise<Served<Answer>>;
  /** Registers a user and brings the balance to exactly this, by lawful ways only. */
  member(quota: number): Promise<UserId>;
  reserve(userId: UserId, more?: ReserveOptions): Promise<Reservation>;
  close(): Promise<void>;
}

export interface SendOptions {
  /** Whose account it is about, where the input doesn't say. */
  readonly userId?: UserId;
  readonly key?: string;
  readonly validateOnly?: boolean;
}

export interface ReserveOptions extends SendOptions {
  readonly featureId?: string;
  readonly taskId?: string;
  readonly quantity?: number;
  readonly ttlMs?: number;
}

export interface BankOptions {
  readonly lanes?: number;
  readonly batchMax?: number;
  readonly queueMax?: number;
  readonly secondLayer?: SecondLayer;
  readonly observer?: Partial<BatchObserver>;
  /** A database with its schema already there: a second server on it. */
  readonly url?: string;
  /** Whose server gets the schema; the one that all suites share when absent. */
  readonly server?: { readonly url: string };
  /** Told after each commit that brought events. */
  readonly eventsCommitted?: () => void;
  /** What a statement may take. */
  readonly statementTimeoutMs?: number;
  /** Prepares each session of the pool further. */
  readonly prepare?: (query: SessionQuery) => Promise<void>;
  /** What the teller works with in place of the pool: tests of the tests plant faults here. */
  readonly around?: (orm: MikroORM) => MikroORM;
}

/** A feature without limits, at one quota unit a use. */
export const PLAIN_FEATURE = "plain_feature";

/** Keys that are no secret. */
export const TEST_SEALING_KEYS = {
  keys: [{ id: "test", key: Buffer.alloc(32, 7) }],
  activeKeyId: "test",
  indexKey: Buffer.alloc(32, 9),
};
export const TEST_SEALER = createSealer(TEST_SEALING_KEYS);

let names = 0;
/** A name that nobody else in this run bears. */
export const unique = (prefix: string): string => `${prefix}${(names += 1)}`;

export async function openBank(flavour: DatabaseFlavour, options: BankOptions = {}): Promise<Bank> {
  const schema = options.url === undefined ? await freshSchema(flavour, options.server) : undefined;
  const url = options.url ?? schema!.url;
  if (schema) await migrate({ url });
  const { prepare, statementTimeoutMs } = options;
  const orm = await openOrm({
    url,
    poolMax: 12,
    severalStatements: true,
    ...(prepare && { prepare }),
    ...(statementTimeoutMs && { statementTimeoutMs }),
  });
  const rows = (text: string) => orm.em.fork().execute<Row[]>(text);
  if (schema) {
    await seedCatalog(orm, Date.now());
    await rows(
      `insert into features values ('${PLAIN_FEATURE}', 1, 'plain', 1, 0, 'image', 'MEMBER', 0, 0, 0, 0, 0, '', 'PUBLISHED', now(3), now(3), 'test')`,
    );
  }
  let shiftMs = 0;
  const context: BatchContext = {
    ids: createIdSource(Math.random),
    refundWindowMs: 7 * 24 * 3_600_000,
    catalogAt: createCatalogCache(),
    sealer: TEST_SEALER,
    timeOf: (databaseMs) => databaseMs + shiftMs,
    eventsCommitted: options.eventsCommitted,
  };
  const observer = { served() {}, retried() {}, failed() {}, ...options.observer };
  const serveTickets = createBatchRunner(
    options.around?.(orm) ?? orm,
    context,
    options.secondLayer ?? NO_SECOND_LAYER,
    observer,
  );
  const teller = createTeller(serveTickets, {
    lanes: options.lanes ?? 2,
    batchMax: options.batchMax ?? 256,
    queueMax: options.queueMax ?? 10_000,
    observer: { queued() {}, overloaded() {} },
  });
  const reader = createQuotaReader(orm, context);

  /** A lot from an adjustment that two people agreed on, as CatalogService would have stored it. */
  const adjust = async (userId: UserId, amount: number): Promise<void> => {
    const id = unique("apr_");
    await rows(
      `insert into approvals (approval_id, kind, subject, user_id, amount, priority, valid_days, reason, state,
        requested_by, decided_by, decision_note, create_time, decide_time)
        values ('${id}', 'QUOTA_ADJUSTMENT', 'user/${userId}', '${userId}', ${amount}, 50, 0, 'a test', 'APPROVED',
        'one', 'another', '', now(3), now(3))`,
    );
    await send(grantQuota, { userId, source: { kind: "ADJUSTMENT", id } });
  };
  const spend = async (userId: UserId, quantity: number): Promise<void> => {
    const featureId = PLAIN_FEATURE as FeatureId;
    const taskId = unique("task") as TaskId;
    const hold = { userId, featureId, taskId, quantity, ttlMs: 900_000, labels: {} };
    const { reservationId } = (await send(reserveQuota, hold)).answer.reservation;
    await send(commitQuota, { reservationId, actualAmount: null });
  };

  const send: Bank["send"] = (useCase, input, more = {}) => {
    const userId = (input as { readonly userId?: UserId }).userId;
    const target = (input as { readonly target?: { readonly userId?: UserId } }).target;
    return teller.submit(useCase, command(input, more), userId ?? target?.userId ?? more.userId);
  };
  return {
    url,
    teller,
    reader,
    finder: createSweepFinder(orm, context),
    context,
    serveTickets,
    advance: (ms) => void (shiftMs += ms),
    sql: rows,
    send,
    async member(quota) {
      const userId = unique("user") as UserId;
      const { answer } = await send(registerUser, { userId });
      const trial = Number(answer.grantedAmount);
      if (quota > trial) await adjust(userId, quota - trial);
      if (quota < trial) await spend(userId, trial - quota);
      return userId;
    },
    async reserve(userId, more = {}) {
      const input = {
        userId,
        featureId: (more.featureId ?? PLAIN_FEATURE) as FeatureId,
        taskId: (more.taskId ?? unique("task")) as TaskId,
        quantity: more.quantity ?? 1,
        ttlMs: more.ttlMs ?? 900_000,
        labels: {},
      };
      return (await send(reserveQuota, input, more)).answer.reservation;
    },
    async close() {
      await teller.drain();
      await closeOrm(orm);
      await schema?.drop();
    },
  };
}

/** A command as the wire makes it. */
export function command<Input>(input: Input, more: SendOptions = {}): Command<Input> {
  return {
    input,
    idempotencyKey: more.key ?? unique("key"),
    caller: { name: "test" },
    validateOnly: more.validateOnly ?? false,
  };
}
