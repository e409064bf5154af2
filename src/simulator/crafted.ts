/** Callbacks that a test makes up, from nothing but the resource down to every byte. */
import type { Message } from "./callback-message.ts";
import { buildEnvelope, signatureHeaders, type NamedKey } from "./envelope.ts";
import type { Merchant } from "./merchant.ts";
import { json } from "./order.ts";
import { SECOND_MS } from "./time.ts";
import type { World } from "./world.ts";

export interface Crafted {
  readonly url: string;
  /** What is encrypted: JSON is made of an object, text is taken as it is. */
  readonly resource?: unknown;
  readonly eventType?: string;
  readonly originalType?: string;
  readonly associatedData?: string;
  readonly apiV3Key?: string;
  /** The whole body instead of an envelope around the resource. */
  readonly body?: Buffer | string;
  /** Who signs; whom the key mode says unless given. */
  readonly key?: NamedKey;
  /** Signed so many seconds from now; below zero for the past. */
  readonly offsetSeconds?: number;
  /** What is sent instead of the right headers; null leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** What is sent after signing instead of the body. */
  readonly sentBody?: Buffer | string;
}

export function craft(world: World, merchant: Merchant, crafted: Crafted): Message {
  const { keys, clock, random } = world;
  const { originalType = "transaction", eventType = "TRANSACTION.SUCCESS", resource = {} } = crafted;
  const { associatedData, offsetSeconds = 0 } = crafted;
  const nowMs = clock.now();
  const envelope = (): Buffer =>
    buildEnvelope({
      id: `EV-${random.digits(19)}`,
      createMs: nowMs,
      eventType,
      originalType,
      summary: "支付成功",
      plaintext: typeof resource === "string" ? resource : json(resource).toString(),
      apiV3Key: crafted.apiV3Key ?? merchant.apiV3Key,
      nonce: random.alphanumeric(12),
      ...(associatedData === undefined ? {} : { associatedData }),
    });
  const body = crafted.body === undefined ? envelope() : Buffer.from(crafted.body);
  const key = crafted.key ?? keys.forCallback(nowMs);
  const signed = signatureHeaders(key, body, nowMs + offsetSeconds * SECOND_MS, random.alphanumeric(32));
  const all = { "Content-Type": "application/json", ...signed, ...crafted.headers };
  const headers = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null);
  return {
    headers: Object.fromEntries(headers),
    body: crafted.sentBody === undefined ? body : Buffer.from(crafted.sentBody),
  };
}
