/** Domain events: what has happened, told to other systems after the transaction that made it so. */
import type { IdSource, UserId } from "./id.ts";

declare const eventKind: unique symbol;
export type EventId = string & { readonly [eventKind]: "event" };

/** Money as integer fen (a safe integer), times as RFC 3339 text, ids as text. */
export type EventPayload = Readonly<Record<string, string | number | boolean | null>>;

/** One thing that has happened. It never changes; whoever hears of it may hear of it twice. */
export interface DomainEvent {
  /** Ordered by time, so that older events are told first. */
  readonly eventId: EventId;
  /** `noun.verb` in the past tense, such as `order.paid`: see EVENT_TYPE. */
  readonly type: string;
  /** The user it is about; null where it is about none. */
  readonly userId: UserId | null;
  /** The id of what it is about, such as an order's: up to 63 characters. */
  readonly subject: string;
  /** Its names are in snake_case, as in the contract. */
  readonly payload: EventPayload;
  /** When it happened, in milliseconds since 1970, by the database's clock. */
  readonly createTimeMs: number;
}

/** Lower-case words with points between them; two at least, 63 characters at most in the books. */
export const EVENT_TYPE = /^(?=.{3,63}$)[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/;

/** A new event's id: of the user's group where it is about a user, as all their ids are. */
export function nextEventId(ids: IdSource, nowMs: number, userId: UserId | null): EventId {
  return ids.next("evt", nowMs, userId ?? undefined) as EventId;
}
