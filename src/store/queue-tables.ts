/**
 * The queue's tables. The outbox is written in the transactions of others; what is owed to each
 * receiver of an event is a row of its own, and these rows, not Redis, say what is still to be done.
 */
import { defineEntity, p } from "@mikro-orm/core";

const ID_LENGTH = 63;
const WORD_LENGTH = 24;

const id = () => p.string().length(ID_LENGTH);
const time = () => p.datetime(3);

export const OutboxEventTable = defineEntity({
  name: "OutboxEvent",
  tableName: "outbox_events",
  properties: {
    eventId: id().primary(),
    userId: id().nullable(),
    type: id(),
    /** The id of what it is about. */
    subject: id(),
    /** JSON, as it will be sent. */
    payload: p.text(),
    createTime: time(),
    /** When its deliveries were made out; null until then. */
    publishTime: time().nullable(),
  },
  indexes: [{ name: "outbox_events_unpublished", properties: ["publishTime", "eventId"] }],
});

export const WebhookDeliveryTable = defineEntity({
  name: "WebhookDelivery",
  tableName: "webhook_deliveries",
  properties: {
    eventId: id().primary(),
    endpoint: id().primary(),
    /** PENDING, DELIVERED or DEAD. */
    state: p.string().length(WORD_LENGTH),
    /** Begun since it was made out, or since it was replayed last. */
    attempts: p.integer(),
    replays: p.integer(),
    /** While PENDING: when it may be tried; an attempt under way puts this off as its lease. */
    nextTryTime: time(),
    lastTryTime: time().nullable(),
    /** The receiver's HTTP status; null where none came. */
    lastStatus: p.integer().nullable(),
    lastError: p.string().length(255).nullable(),
    /** SHA-256 of the bytes that the receiver has confirmed, in hexadecimal digits. */
    bodySha256: p.string().length(64).nullable(),
    createTime: time(),
    endTime: time().nullable(),
  },
  indexes: [{ name: "webhook_deliveries_due", properties: ["state", "endpoint", "nextTryTime"] }],
});

export const QUEUE_TABLES = [OutboxEventTable, WebhookDeliveryTable];
