/** Rows of the deliveries: what is owed to an endpoint, and how far it got. */
import type { EventId } from "../billing/event.ts";
import { msOrNull, toMs, type Cell, type HotTable, type Row } from "./cell.ts";
import { readEvent, type StoredEvent } from "./outbox-rows.ts";

/**
 * PENDING: owed, and tried again and again. DELIVERED: the receiver has confirmed it. DEAD: given up; only
 * an operator brings it back.
 */
export type DeliveryState = "PENDING" | "DELIVERED" | "DEAD";

export const DELIVERIES: HotTable = {
  name: "webhook_deliveries",
  columns: [
    "event_id",
    "endpoint",
    "state",
    "attempts",
    "replays",
    "next_try_time",
    "create_time",
  ],
};

/** @param moment the database's time, as its text */
export function newDeliveryCells(eventId: EventId, endpoint: string, moment: string): Cell[] {
  return [eventId, endpoint, "PENDING", 0, 0, moment, moment];
}

export interface Delivery {
  readonly eventId: EventId;
  readonly endpoint: string;
  readonly state: DeliveryState;
  /** Begun since it was made out, or since it was replayed last. */
  readonly attempts: number;
  readonly replays: number;
  readonly nextTryTimeMs: number;
  readonly lastTryTimeMs: number | null;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly bodySha256: string | null;
  readonly createTimeMs: number;
  readonly endTimeMs: number | null;
}

export function readDelivery(row: Row): Delivery {
  return {
    eventId: row["event_id"] as EventId,
    endpoint: row["endpoint"] as string,
    state: row["state"] as DeliveryState,
    attempts: Number(row["attempts"]),
    replays: Number(row["replays"]),
    nextTryTimeMs: toMs(row["next_try_time"]),
    lastTryTimeMs: msOrNull(row["last_try_time"]),
    lastStatus: row["last_status"] === null ? null : Number(row["last_status"]),
    lastError: row["last_error"] as string | null,
    bodySha256: row["body_sha256"] as string | null,
    createTimeMs: toMs(row["create_time"]),
    endTimeMs: msOrNull(row["end_time"]),
  };
}

/** An attempt that is ours until its lease is over. */
export interface Claim {
  readonly event: StoredEvent;
  readonly endpoint: string;
  /** The number of this attempt, from 1. */
  readonly attempts: number;
  readonly replays: number;
}

/** @param row an event's columns and its delivery's `endpoint`, `attempts` and `replays` */
export function readClaim(row: Row): Claim {
  return {
    event: readEvent(row),
    endpoint: row["endpoint"] as string,
    attempts: Number(row["attempts"]),
    replays: Number(row["replays"]),
  };
}
