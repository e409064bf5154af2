/**
 * Rows of the outbox. Whoever makes an event writes its row in the transaction that makes it true, so
 * that an event is there exactly if what it tells of is: `insertSql(OUTBOX_EVENTS, events.map(outboxCells))`.
 */
import { EVENT_TYPE, type DomainEvent, type EventId, type EventPayload } from "../billing/event.ts";
import { assert } from "../billing/refusal.ts";
import { timeText, toMs, type Cell, type HotTable, type Row } from "./cell.ts";

export const OUTBOX_EVENTS: HotTable = {
  name: "outbox_events",
  columns: ["event_id", "user_id", "type", "subject", "payload", "create_time", "publish_time"],
};

/** Receivers and proxies take this much without a word; the column has room for four times as much. */
const PAYLOAD_BYTES_MAX = 16 * 1024;
const SUBJECT_LENGTH_MAX = 63;

/**
 * The cells of a new event, which nobody has published.
 * @throws Error (a bug) for a type, a subject or a payload that no receiver could be told of
 */
export function outboxCells(event: DomainEvent): Cell[] {
  const { eventId, userId, type, subject, createTimeMs } = event;
  const payload = JSON.stringify(event.payload);
  assert(EVENT_TYPE.test(type), `${type} is a type of event`);
  assert(subject.length <= SUBJECT_LENGTH_MAX, `the subject of ${eventId} is an id`);
  assert(Buffer.byteLength(payload) <= PAYLOAD_BYTES_MAX, `the payload of ${eventId} is small`);
  return [eventId, userId, type, subject, payload, timeText(createTimeMs), null];
}

/** An event as its row says it, with the payload's text as it was written. */
export type StoredEvent = Omit<DomainEvent, "payload"> & { readonly payloadText: string };

export function readEvent(row: Row): StoredEvent {
  return {
    eventId: row["event_id"] as EventId,
    type: row["type"] as string,
    userId: row["user_id"] as StoredEvent["userId"],
    subject: row["subject"] as string,
    payloadText: row["payload"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}

/** What the payload's text says. */
export function payloadOf(event: StoredEvent): EventPayload {
  return JSON.parse(event.payloadText) as EventPayload;
}
