/**
 * Deliveries: taken by one server at a time, under a lease that its row bears, and ended by what the
 * receiver said. Whoever dies with a delivery in hand only lets its lease run out.
 */
import type { MikroORM } from "@mikro-orm/mysql";
import type { EventId } from "../billing/event.ts";
import { assert } from "../billing/refusal.ts";
import { readClaim, type Claim } from "./delivery-rows.ts";
import { toMs, type Row } from "./cell.ts";
import { literal } from "./sql.ts";
import { inTransaction, reading } from "./transaction.ts";

const ERROR_LENGTH_MAX = 255;
const US_PER_MS = 1_000;

/**
 * Takes a delivery that is due, for `leaseMs`: nobody else gets it meanwhile. The attempt counts from
 * here on, whatever becomes of it.
 * @returns undefined where it isn't due: ended, taken by another, or to be tried later
 * @throws as inTransaction
 */
export function claimDelivery(
  orm: MikroORM,
  eventId: EventId,
  endpoint: string,
  leaseMs: number,
): Promise<Claim | undefined> {
  const pair = `(${literal(eventId)}, ${literal(endpoint)})`;
  return inTransaction(orm, async (em) => {
    const { affectedRows } = await em.execute<{ affectedRows: number }>(
      `update webhook_deliveries
        set attempts = attempts + 1, last_try_time = now(3), next_try_time = ${inTime(leaseMs)}
        where (event_id, endpoint) = ${pair} and state = 'PENDING' and next_try_time <= now(3)`,
      [],
      "run",
    );
    if (affectedRows === 0) return undefined;
    const [row] = await em.execute<Row[]>(
      `select e.*, d.endpoint, d.attempts, d.replays
        from webhook_deliveries d join outbox_events e on e.event_id = d.event_id
        where (d.event_id, d.endpoint) = ${pair}`,
    );
    assert(row !== undefined, "a delivery has its event");
    return readClaim(row);
  });
}

/** How an attempt ended. */
export type AttemptEnd =
  /** The receiver has confirmed the very bytes that have this SHA-256. */
  | { readonly kind: "DELIVERED"; readonly status: number; readonly bodySha256: string }
  /** Not yet: it is tried again after the delay. */
  | (Failure & { readonly kind: "AGAIN"; readonly delayMs: number })
  | (Failure & { readonly kind: "DEAD" })
  /** Broken off by us: whoever comes next tries it at once, and it doesn't count. */
  | { readonly kind: "HANDED_BACK" };

export interface Failure {
  /** The HTTP status; null where none came. */
  readonly status: number | null;
  /** What went wrong, without a secret or an address in it. */
  readonly error: string;
}

/**
 * Writes down how an attempt ended. A confirmation counts although another attempt has begun since; anything
 * else counts only for the attempt that is the last one.
 * @throws as inTransaction; the lease runs out then, and the delivery is tried again
 */
export async function endAttempt(orm: MikroORM, claim: Claim, end: AttemptEnd): Promise<void> {
  const { event, endpoint, attempts, replays } = claim;
  const place = `event_id = ${literal(event.eventId)} and endpoint = ${literal(endpoint)}
    and replays = ${replays}`;
  const isLast = `attempts = ${attempts} and state = 'PENDING'`;
  const condition = end.kind === "DELIVERED" ? "state <> 'DELIVERED'" : isLast;
  const sql = `update webhook_deliveries set ${changes(end)} where ${place} and ${condition}`;
  await inTransaction(orm, (em) => em.execute(sql, [], "run"));
}

function changes(end: AttemptEnd): string {
  if (end.kind === "HANDED_BACK") return "attempts = attempts - 1, next_try_time = now(3)";
  if (end.kind === "DELIVERED") {
    return `state = 'DELIVERED', last_status = ${end.status}, last_error = null,
      body_sha256 = ${literal(end.bodySha256)}, end_time = now(3)`;
  }
  const failed = `last_status = ${literal(end.status)},
    last_error = ${literal(end.error.slice(0, ERROR_LENGTH_MAX))}`;
  return end.kind === "DEAD"
    ? `${failed}, state = 'DEAD', end_time = now(3)`
    : `${failed}, next_try_time = ${inTime(end.delayMs)}`;
}

function inTime(ms: number): string {
  return `timestampadd(microsecond, ${Math.round(ms) * US_PER_MS}, now(3))`;
}

/**
 * Deliveries to an endpoint that are due since `overdueMs` at least, those that have waited longest first.
 * @throws as reading
 */
export async function dueDeliveries(
  orm: MikroORM,
  endpoint: string,
  { limit, overdueMs = 0 }: { readonly limit: number; readonly overdueMs?: number },
): Promise<EventId[]> {
  const sql = `select event_id from webhook_deliveries force index (webhook_deliveries_due)
    where state = 'PENDING' and endpoint = ${literal(endpoint)} and next_try_time <= ${inTime(-overdueMs)}
    order by next_try_time, event_id limit ${limit}`;
  const rows = await reading(orm, (em) => em.execute<Row[]>(sql));
  return rows.map((row) => row["event_id"] as EventId);
}

/** The queue as it stands in the database. */
export interface QueueLook {
  /** How long the oldest event has waited to be published, in milliseconds; 0 when none waits. */
  readonly publishLagMs: number;
  /** Dead deliveries, up to DEAD_COUNT_MAX. */
  readonly dead: number;
  /** Endpoints, known or not, to which something is owed. */
  readonly owedTo: readonly string[];
}

/** Beyond this it makes no difference how many there are, and counting them takes time. */
export const DEAD_COUNT_MAX = 10_000;

/** @throws as reading */
export function lookAtQueue(orm: MikroORM): Promise<QueueLook> {
  return reading(orm, async (em) => {
    const [oldest] = await em.execute<Row[]>(
      `select create_time, now(3) as moment
        from outbox_events force index (outbox_events_unpublished)
        where publish_time is null order by event_id limit 1`,
    );
    const [count] = await em.execute<Row[]>(
      `select count(*) as n from
        (select 1 from webhook_deliveries where state = 'DEAD' limit ${DEAD_COUNT_MAX}) as dead`,
    );
    const owed = await em.execute<Row[]>(
      "select distinct endpoint from webhook_deliveries where state = 'PENDING'",
    );
    const waited = oldest && toMs(oldest["moment"]) - toMs(oldest["create_time"]);
    return {
      publishLagMs: Math.max(0, waited ?? 0),
      dead: Number(count!["n"]),
      owedTo: owed.map((row) => row["endpoint"] as string),
    };
  });
}
