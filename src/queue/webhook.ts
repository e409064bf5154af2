/** One message to one receiver: its bytes, and what the receiver says to them. */
import { createHash } from "node:crypto";
import type { StoredEvent } from "../store/outbox-rows.ts";
import type { Endpoint } from "./endpoints.ts";
import { signatures } from "./signature.ts";

/** What a receiver may say besides its status is read up to here. */
const ANSWER_BYTES_MAX = 16 * 1024;
/** A receiver that asks for more patience than this gets no more. */
const RETRY_AFTER_MAX_MS = 24 * 3_600_000;
const SECOND_MS = 1_000;

const GONE = 410;
/** Too many requests, unavailable: the receiver may say when to come again. */
const RETRY_AFTER_STATUSES = [429, 503];

/**
 * The body of an event's message. It must never change for an event that was made, whatever version of
 * this service sends it: each attempt and each replay is the same bytes.
 */
export function webhookBody(event: StoredEvent): string {
  const { eventId, type, userId, subject, payloadText, createTimeMs } = event;
  const fields = {
    id: eventId,
    type,
    timestamp: new Date(createTimeMs).toISOString(),
    user_id: userId,
    subject,
  };
  return `${JSON.stringify(fields).slice(0, -1)},"data":${payloadText}}`;
}

export type Answer =
  | { readonly kind: "CONFIRMED"; readonly status: number; readonly bodySha256: string }
  | {
      readonly kind: "REFUSED";
      readonly status: number | null;
      readonly error: string;
      /** True where asking again is of no use, as the receiver says. */
      readonly isFinal: boolean;
      /** How long the receiver wants to be left alone, in milliseconds; 0 where it says nothing. */
      readonly retryAfterMs: number;
    }
  /** Broken off by `signal`: what the receiver made of it, nobody knows. */
  | { readonly kind: "BROKEN_OFF" };

export interface SendOptions {
  /** From the first byte to the last of the answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Breaks the request off. */
  readonly signal: AbortSignal;
}

/** Sends an event's message once. Whatever goes wrong is an answer too. */
export async function sendWebhook(
  { url, secrets }: Pick<Endpoint, "url" | "secrets">,
  event: StoredEvent,
  options: SendOptions,
): Promise<Answer> {
  const body = webhookBody(event);
  const timestamp = Math.floor(Date.now() / SECOND_MS);
  const headers = {
    "webhook-id": event.eventId,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signatures(secrets, { id: event.eventId, timestamp, body }),
  };
  const { answer } = await post({ url, headers, body }, options);
  return answer;
}

export interface Message {
  readonly url: string;
  /** Besides those that every message has. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
}

/** Posts once; `text` is the beginning of what a 2xx answer said. */
export async function post(
  { url, headers, body }: Message,
  { timeoutMs, signal }: SendOptions,
): Promise<{ readonly answer: Answer; readonly text: string }> {
  try {
    const response = await fetch(url, {
      method: "POST",
      // A redirect would lead to an address that no operator has written down.
      redirect: "manual",
      headers: {
        "content-type": "application/json",
        "user-agent": "billing-guard-webhook/1",
        ...headers,
      },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const text = await drain(response);
    const { status } = response;
    if (response.ok) {
      const bodySha256 = createHash("sha256").update(body).digest("hex");
      return { answer: { kind: "CONFIRMED", status, bodySha256 }, text };
    }
    const retryAfterMs = RETRY_AFTER_STATUSES.includes(status) ? retryAfter(response.headers) : 0;
    const isFinal = status === GONE;
    return {
      answer: { kind: "REFUSED", status, error: `HTTP ${status}`, isFinal, retryAfterMs },
      text: "",
    };
  } catch (fault) {
    if (signal.aborted) return { answer: { kind: "BROKEN_OFF" }, text: "" };
    const error = describe(fault, timeoutMs);
    return {
      answer: { kind: "REFUSED", status: null, error, isFinal: false, retryAfterMs: 0 },
      text: "",
    };
  }
}

/** Reads a small answer to its end, so that its connection serves the next message too; gives its beginning. */
async function drain({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  try {
    for (let length = 0; length < ANSWER_BYTES_MAX;) {
      const { done, value } = await reader.read();
      if (done) return Buffer.concat(parts).toString("utf8");
      parts.push(value);
      length += value.byteLength;
    }
    await reader.cancel();
  } catch {
    // The status is what counts, and it is there: a rest that never comes takes nothing from it.
  }
  return Buffer.concat(parts).toString("utf8");
}

/** `Retry-After` in seconds or as a date. */
function retryAfter(headers: Headers): number {
  const text = headers.get("retry-after") ?? "";
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * SECOND_MS : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS);
}

/** The kind of the fault only: messages of libraries may quote the address, which may bear a token. */
function describe(fault: unknown, timeoutMs: number): string {
  if (!(fault instanceof Error)) return "unknown fault";
  if (fault.name === "TimeoutError") return `no answer in ${timeoutMs} ms`;
  for (let cause: unknown = fault; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string") return cause.code;
  }
  return fault.name;
}
