/** A queue with its database, and what a test wants to know of it. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { MikroORM } from "@mikro-orm/mysql";
import { nextEventId, type DomainEvent, type EventId } from "../../src/billing/event.ts";
import { createIdSource } from "../../src/billing/id.ts";
import type { DatabaseFlavour } from "../../src/local/database.ts";
import { parseEndpoints, type Endpoint } from "../../src/queue/endpoints.ts";
import type { QueueObserver } from "../../src/queue/observer.ts";
import { startQueue, type QueueOptions, type RunningQueue } from "../../src/queue/queue.ts";
import { readDelivery, type Delivery } from "../../src/store/delivery-rows.ts";
import type { Row } from "../../src/store/cell.ts";
import { migrate } from "../../src/store/migrate.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { OUTBOX_EVENTS, outboxCells } from "../../src/store/outbox-rows.ts";
import { insertSql, literal } from "../../src/store/sql.ts";
import { inTransaction } from "../../src/store/transaction.ts";
import { freshSchema } from "./servers.ts";

const ids = createIdSource(Math.random);

/** Pauses that take no time, and times to wait for an answer that are longer than any test. */
export const QUICK = {
  pollIntervalMs: 100,
  requestTimeoutMs: 600_000,
  leaseMs: 900_000,
  retryScheduleMs: [20, 20, 20],
  closeGraceMs: 1_000,
};

export const newSecret = () => `whsec_${randomBytes(32).toString("base64")}`;

/** An endpoint as the operator's file would have it. */
export function endpoint(url: string, given: Partial<Record<"name" | "secrets" | "types", unknown>> = {}) {
  const entry = { name: "shop", url, secrets: [newSecret()], types: ["*"], ...given };
  const { endpoints, faults } = parseEndpoints(JSON.stringify([entry]));
  assert.deepEqual(faults, []);
  return { ...(endpoints[0] as Endpoint), secret: (entry.secrets as string[])[0]! };
}

export function newEvent(given: Partial<DomainEvent> = {}): DomainEvent {
  const createTimeMs = given.createTimeMs ?? Date.now();
  const eventId = nextEventId(ids, createTimeMs, null);
  return {
    eventId,
    type: "order.paid",
    userId: null,
    subject: `ord_${eventId}`,
    payload: { order_id: `ord_${eventId}`, amount_fen: 9_900, note: "衣服 — 'quoted' \\ \u2028" },
    createTimeMs,
    ...given,
  };
}

/** What the queue has told, in words: `DEAD shop`, `degraded`, … */
export interface Told extends QueueObserver {
  readonly words: string[];
  readonly faults: unknown[];
}

export function listen(): Told {
  const words: string[] = [];
  const faults: unknown[] = [];
  return {
    words,
    faults,
    published: (events) => void words.push(`published ${events}`),
    delivered: (name, attempts) => void words.push(`delivered ${name} ${attempts}`),
    retried: ({ endpoint: name, error }) => void words.push(`retried ${name} ${error}`),
    died: ({ endpoint: name, error }) => void words.push(`died ${name} ${error}`),
    degraded: (isDegraded) => void words.push(isDegraded ? "degraded" : "recovered"),
    looked: (_look, strangers) => void words.push(`looked ${strangers.join()}`),
    failed: (fault) => void faults.push(fault),
  };
}

/** Waits for a condition as long as the test may take. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

export class QueueWorld {
  readonly url: string;
  readonly orm: MikroORM;
  readonly #drop: () => Promise<void>;
  readonly #queues: RunningQueue[] = [];

  constructor(url: string, orm: MikroORM, drop: () => Promise<void>) {
    this.url = url;
    this.orm = orm;
    this.#drop = drop;
  }

  /** Starts a queue with quick limits that ends with the test. */
  start(options: Partial<QueueOptions> & Pick<QueueOptions, "endpoints">) {
    const told = listen();
    const limits = { ...QUICK, ...options.limits };
    const queue = startQueue({ orm: this.orm, observer: told, ...options, limits });
    this.#queues.push(queue);
    return { queue, told };
  }

  /** Ends the queues of a test. */
  async rest(): Promise<void> {
    await Promise.all(this.#queues.splice(0).map((queue) => queue.close()));
    for (const table of ["outbox_events", "webhook_deliveries"]) {
      await inTransaction(this.orm, (em) => em.execute(`delete from ${table}`, [], "run"));
    }
  }

  /** Commits events, all in one transaction. */
  async commit(...events: readonly DomainEvent[]): Promise<EventId[]> {
    const sql = insertSql(OUTBOX_EVENTS, events.map(outboxCells));
    await inTransaction(this.orm, (em) => em.execute(sql, [], "run"));
    return events.map(({ eventId }) => eventId);
  }

  query(sql: string): Promise<Row[]> {
    return this.orm.em.fork().execute<Row[]>(sql);
  }

  async deliveries(eventId?: EventId): Promise<Delivery[]> {
    const where = eventId === undefined ? "" : `where event_id = ${literal(eventId)}`;
    const rows = await this.query(
      `select * from webhook_deliveries ${where} order by event_id, endpoint`,
    );
    return rows.map(readDelivery);
  }

  /** Waits until as many deliveries have ended, and gives them all. */
  async untilEnded(count: number): Promise<Delivery[]> {
    const isEnough = async () =>
      (await this.deliveries()).filter(({ state }) => state !== "PENDING").length >= count;
    await until(isEnough);
    return this.deliveries();
  }

  async close(): Promise<void> {
    await this.rest();
    await closeOrm(this.orm);
    await this.#drop();
  }
}

export async function openQueueWorld(flavour: DatabaseFlavour): Promise<QueueWorld> {
  const schema = await freshSchema(flavour);
  await migrate({ url: schema.url, warn: () => undefined });
  const orm = await openOrm({ url: schema.url, poolMax: 24 });
  return new QueueWorld(schema.url, orm, () => schema.drop());
}
