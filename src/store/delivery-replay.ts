/** For operators: what was given up, what became of an event, and sending it again with the same id. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { idsFrom } from "../billing/id.ts";
import type { EventId } from "../billing/event.ts";
import { readDelivery, type Delivery } from "./delivery-rows.ts";
import { readEvent, type StoredEvent } from "./outbox-rows.ts";
import { timeText, type Row } from "./cell.ts";
import { listSql, literal } from "./sql.ts";
import { inTransaction, reading } from "./transaction.ts";

/** What a statement changes: short enough to hold nobody up. */
const REPLAY_BATCH = 500;

export interface DeadDelivery extends Delivery {
  readonly type: string;
  readonly subject: string;
}

/**
 * Dead deliveries, endpoint by endpoint.
 * @throws as reading
 */
export async function listDead(
  orm: MikroORM,
  { endpoint, limit }: { readonly endpoint?: string | undefined; readonly limit: number },
): Promise<DeadDelivery[]> {
  const rows = await reading(orm, (em) =>
    em.execute<Row[]>(
      `select d.*, e.type, e.subject
        from webhook_deliveries d join outbox_events e on e.event_id = d.event_id
        where d.state = 'DEAD'${only("d.endpoint", endpoint)}
        order by d.endpoint, d.next_try_time, d.event_id limit ${limit}`,
    ),
  );
  return rows.map((row) => ({
    ...readDelivery(row),
    type: row["type"] as string,
    subject: row["subject"] as string,
  }));
}

export interface ShownEvent {
  readonly event: StoredEvent;
  /** False while nobody has made out its deliveries. */
  readonly isPublished: boolean;
  readonly deliveries: readonly Delivery[];
}

/** @returns undefined where there is no such event */
export function showEvent(orm: MikroORM, eventId: string): Promise<ShownEvent | undefined> {
  return reading(orm, async (em) => {
    const place = `where event_id = ${literal(eventId)}`;
    const [row] = await em.execute<Row[]>(`select * from outbox_events ${place}`);
    if (row === undefined) return undefined;
    const owed = await em.execute<Row[]>(
      `select * from webhook_deliveries ${place} order by endpoint`,
    );
    const deliveries = owed.map(readDelivery);
    return { event: readEvent(row), isPublished: row["publish_time"] !== null, deliveries };
  });
}

/** What to send again. Only deliveries that have ended are: what is PENDING is on its way. */
export type ReplayScope = { readonly endpoint?: string | undefined } & (
  | { readonly eventId: string }
  | { readonly allDead: true }
  /** All that became of events made at this time, in milliseconds since 1970, or later. */
  | { readonly sinceMs: number }
);

/**
 * Brings ended deliveries back, in bounded batches: each is sent again under its event's id, with the whole
 * schedule before it. Interrupted, it can be run again.
 * @returns how many are on their way again
 */
export async function replayDeliveries(orm: MikroORM, scope: ReplayScope): Promise<number> {
  // What ends while this runs isn't taken: what dies at once again would keep this busy for ever.
  const [{ moment }] = (await reading(orm, (em) =>
    em.execute<Row[]>("select cast(now(3) as char) as moment"),
  )) as [Row];
  const ended = `state <> 'PENDING' and end_time <= ${literal(moment as string)}`;
  if ("eventId" in scope) {
    return revive(orm, `event_id = ${literal(scope.eventId)} and ${ended}`, scope.endpoint);
  }
  return "allDead" in scope
    ? reviveDead(orm, ended, scope.endpoint)
    : reviveSince(orm, ended, scope.sinceMs, scope.endpoint);
}

async function reviveDead(orm: MikroORM, ended: string, endpoint?: string): Promise<number> {
  let revived = 0;
  for (;;) {
    const batch = await inTransaction(orm, async (em) => {
      const found = await em.execute<Row[]>(
        `select event_id, endpoint from webhook_deliveries
          where state = 'DEAD' and ${ended}${only("endpoint", endpoint)} limit ${REPLAY_BATCH}`,
      );
      if (found.length === 0) return undefined;
      const pairs = found.map((row) => [row["event_id"], row["endpoint"]] as [string, string]);
      const places = pairs.map(([id, name]) => `(${literal(id)},${literal(name)})`).join(",");
      return run(em, `(event_id, endpoint) in (${places}) and state = 'DEAD'`);
    });
    if (batch === undefined) return revived;
    revived += batch;
  }
}

async function reviveSince(
  orm: MikroORM,
  ended: string,
  sinceMs: number,
  endpoint?: string,
): Promise<number> {
  let revived = 0;
  let after = idsFrom("evt", sinceMs) as EventId;
  for (;;) {
    const sql = `select event_id from outbox_events
      where event_id > ${literal(after)} and create_time >= ${literal(timeText(sinceMs))}
      order by event_id limit ${REPLAY_BATCH}`;
    const rows = await reading(orm, (em) => em.execute<Row[]>(sql));
    if (rows.length === 0) return revived;
    const ids = rows.map((row) => row["event_id"] as EventId);
    revived += await revive(orm, `event_id in (${listSql(ids)}) and ${ended}`, endpoint);
    after = ids.at(-1)!;
  }
}

function revive(orm: MikroORM, condition: string, endpoint?: string): Promise<number> {
  return inTransaction(orm, (em) => run(em, `${condition}${only("endpoint", endpoint)}`));
}

async function run(em: EntityManager, condition: string): Promise<number> {
  const { affectedRows } = await em.execute<{ affectedRows: number }>(
    `update webhook_deliveries set state = 'PENDING', attempts = 0, replays = replays + 1,
      next_try_time = now(3), end_time = null where ${condition}`,
    [],
    "run",
  );
  return affectedRows;
}

function only(column: string, endpoint: string | undefined): string {
  return endpoint === undefined ? "" : ` and ${column} = ${literal(endpoint)}`;
}
