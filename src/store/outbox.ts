/**
 * Publishing: an event's deliveries are made out, one row for each endpoint that wants it, in the
 * transaction that marks it as published. From then on the delivery rows say what is to be done, so
 * that no event depends on anything outside the database.
 */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import type { EventId } from "../billing/event.ts";
import { DELIVERIES, newDeliveryCells } from "./delivery-rows.ts";
import type { Row } from "./cell.ts";
import { insertSql, listSql, literal } from "./sql.ts";
import { inTransaction } from "./transaction.ts";

export interface PublishedBatch {
  /** Events by the endpoint that wants them, the oldest first. */
  readonly owed: ReadonlyMap<string, readonly EventId[]>;
  /** How many events were published. */
  readonly published: number;
  /** Whether a full batch was there: the next one is worth asking for at once. */
  readonly mayBeMore: boolean;
}

/** Names of the endpoints that want events of a type. */
export type Subscribers = (type: string) => readonly string[];

/**
 * Publishes the oldest events that nobody publishes at this moment, `limit` at most. Any number of
 * servers may do it at once: each event is published by one of them. Of one subject's events a later
 * one waits until the earlier one, which another server may hold, is published.
 * @throws as inTransaction; nothing was published then
 */
export function publishEvents(
  orm: MikroORM,
  subscribers: Subscribers,
  limit: number,
): Promise<PublishedBatch> {
  return inTransaction(orm, async (em) => {
    const claimed = await claim(em, limit);
    const mayBeMore = claimed.length === limit;
    const events = await withoutOvertaking(em, claimed);
    const owed = new Map<string, EventId[]>();
    if (events.length === 0) return { owed, published: 0, mayBeMore: false };
    const rows = events.flatMap(({ eventId, type, moment }) =>
      subscribers(type).map((endpoint) => {
        const own = owed.get(endpoint);
        if (own) own.push(eventId);
        else owed.set(endpoint, [eventId]);
        return newDeliveryCells(eventId, endpoint, moment);
      }),
    );
    // An event that an operator has marked as unpublished by hand has its deliveries already.
    const insert = insertSql(DELIVERIES, rows).replace("insert into", "insert ignore into");
    if (rows.length > 0) await em.execute(insert, [], "run");
    const ids = listSql(events.map(({ eventId }) => eventId));
    const mark = `update outbox_events set publish_time = now(3) where event_id in (${ids})`;
    await em.execute(mark, [], "run");
    return { owed, published: events.length, mayBeMore };
  });
}

interface Claimed {
  readonly eventId: EventId;
  readonly type: string;
  readonly subject: string;
  /** The database's time, as its text. */
  readonly moment: string;
}

async function claim(em: EntityManager, limit: number): Promise<Claimed[]> {
  const rows = await em.execute<Row[]>(
    `select event_id, type, subject, cast(now(3) as char) as moment
      from outbox_events force index (outbox_events_unpublished)
      where publish_time is null order by event_id limit ${limit} for update skip locked`,
  );
  return rows.map((row) => ({
    eventId: row["event_id"] as EventId,
    type: row["type"] as string,
    subject: row["subject"] as string,
    moment: row["moment"] as string,
  }));
}

/** The claimed events without those that have an older one of their subject in other hands. */
async function withoutOvertaking(em: EntityManager, claimed: Claimed[]): Promise<Claimed[]> {
  const last = claimed.at(-1);
  if (last === undefined) return claimed;
  const ours = new Set(claimed.map(({ eventId }) => eventId));
  // What others have locked and not committed is still unpublished for this plain read.
  const rows = await em.execute<Row[]>(
    `select event_id, subject from outbox_events force index (outbox_events_unpublished)
      where publish_time is null and event_id < ${literal(last.eventId)}
        and event_id not in (${listSql(ours)}) order by event_id desc`,
  );
  // The last write of a subject is its oldest event.
  const oldest = new Map(rows.map((row) => [row["subject"], row["event_id"] as EventId]));
  return claimed.filter(({ eventId, subject }) => {
    const other = oldest.get(subject);
    return other === undefined || other > eventId;
  });
}
