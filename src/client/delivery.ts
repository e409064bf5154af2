/** Delivering what the spool holds: now, in rounds, and in the background. */
import { setTimeout as sleep } from "node:timers/promises";

import { status as Code } from "@grpc/grpc-js";

import type { CommitAnswer, RefundAnswer } from "./answers.ts";
import type { BillingClient } from "./client.ts";
import { asError, isRefusal, toBillingError, type BillingError } from "./errors.ts";
import type { Claim, Spool } from "./spool.ts";
import { CorruptEntryError, type SpoolEntry } from "./spool-entry.ts";
import { CLAIM_LEASE_MS } from "./spool-name.ts";

/** How one entry's call is made. */
export type Send = (entry: SpoolEntry) => Promise<RefundAnswer | CommitAnswer>;

/** What became of an entry. */
export type Delivery = {
  /** What went wrong in the spool; undefined when nothing did. */
  readonly spoolError?: Error;
} & (
  | { readonly outcome: "DELIVERED"; readonly answer: RefundAnswer | CommitAnswer }
  /** The service said no for good. */
  | { readonly outcome: "REFUSED"; readonly error: BillingError & { readonly reason: string } }
  /** It is on disk, and will be delivered later. */
  | { readonly outcome: "SPOOLED"; readonly error: BillingError }
  /** It is neither delivered nor on disk. */
  | { readonly outcome: "LOST"; readonly error: BillingError }
);

/** The program was not given a spool. */
export class NoSpoolError extends Error {
  override readonly name = "NoSpoolError";

  constructor() {
    super("there is no spool");
  }
}

/** An attempt at a delivery ends well within the time for which a claim holds. */
export const DELIVERY_DEADLINE_MAX_MS = CLAIM_LEASE_MS / 2;

/** Sends entries over a client. */
export function sendWith(client: BillingClient, deadlineMs?: number): Send {
  const options = {
    deadlineMs:
      deadlineMs === undefined ? undefined : Math.min(deadlineMs, DELIVERY_DEADLINE_MAX_MS),
  };
  return (entry) =>
    entry.method === "RefundQuota"
      ? client.refund(entry.input, options)
      : client.commit(entry.input, options);
}

/**
 * Writes an entry to the spool and then tries to deliver it. From the moment at which it is on disk
 * nothing loses it: not the death of this process, and not that of the service. Where it can't be
 * written it is sent all the same.
 */
export async function deliverNow(spool: Spool, send: Send, entry: SpoolEntry): Promise<Delivery> {
  let claim: Claim;
  try {
    claim = await spool.put(entry);
  } catch (error) {
    return deliverUnspooled(send, entry, asError(error));
  }
  return deliverClaimed(spool, send, claim, entry);
}

/**
 * Writes an entry to the spool without trying to deliver it now: it has just been tried.
 * @throws NoSpoolError, SpoolFullError, or whatever the file system says
 */
export async function spoolForLater(spool: Spool | undefined, entry: SpoolEntry): Promise<void> {
  if (spool === undefined) throw new NoSpoolError();
  await spool.postpone(await spool.put(entry));
}

/**
 * Tries to deliver an entry that the spool didn't take.
 * @param spoolError why it didn't
 */
export async function deliverUnspooled(
  send: Send,
  entry: SpoolEntry,
  spoolError: Error,
): Promise<Delivery> {
  try {
    return { outcome: "DELIVERED", answer: await send(entry), spoolError };
  } catch (cause) {
    const error = toBillingError(cause);
    return isRefusal(error)
      ? { outcome: "REFUSED", error, spoolError }
      : { outcome: "LOST", error, spoolError };
  }
}

/** Sends an entry and moves its file to where it belongs then. */
async function deliverClaimed(
  spool: Spool,
  send: Send,
  claim: Claim,
  entry: SpoolEntry,
): Promise<Delivery> {
  let delivery: Delivery;
  let moved: Promise<void>;
  try {
    delivery = { outcome: "DELIVERED", answer: await send(entry) };
    moved = spool.remove(claim);
  } catch (cause) {
    const error = toBillingError(cause);
    if (isRefusal(error)) {
      delivery = { outcome: "REFUSED", error };
      const { reason, message } = error;
      moved = spool.bury(claim, entry, { reason, message, timeMs: Date.now() });
    } else {
      delivery = { outcome: "SPOOLED", error };
      moved = spool.postpone(claim);
    }
  }
  try {
    await moved;
    return delivery;
  } catch (error) {
    // The file stays claimed, and is taken over some time: the outcome is as it is all the same.
    return { ...delivery, spoolError: asError(error) };
  }
}

/** What a round through the spool did. */
export interface Round {
  delivered: number;
  /** Refused for good, and moved among the dead. */
  refused: number;
  /** Files that were no entries, and were moved among the dead. */
  corrupt: number;
  /** Tried, and kept for later. */
  postponed: number;
  /** The last failure; undefined when there was none. */
  lastError: BillingError | undefined;
}

export interface RoundOptions {
  /** True: also what is not due yet. */
  readonly all?: boolean | undefined;
  /** Entries at most; no bound when absent. */
  readonly maxEntries?: number | undefined;
  /** Ends the round before the next entry. */
  readonly signal?: AbortSignal | undefined;
}

/** With these nothing else will come through either. */
const NOBODY_THERE: ReadonlySet<number> = new Set([
  Code.UNAVAILABLE,
  Code.DEADLINE_EXCEEDED,
  Code.UNAUTHENTICATED,
  Code.PERMISSION_DENIED,
]);

/**
 * Delivers what waits, one after the other, the first due first. What fails goes to the back, so
 * that no entry stands in the way of the others; a service that isn't there ends the round.
 */
export async function deliverWaiting(
  spool: Spool,
  send: Send,
  { all = false, maxEntries = Infinity, signal }: RoundOptions = {},
): Promise<Round> {
  const round: Round = { delivered: 0, refused: 0, corrupt: 0, postponed: 0, lastError: undefined };
  await spool.recover();
  const waiting = await spool.waiting(all ? Infinity : Date.now());
  for (const name of waiting.slice(0, maxEntries)) {
    if (signal?.aborted) break;
    const claim = await spool.claim(name);
    if (claim === undefined) continue;
    const delivery = await deliverOne(spool, send, claim, round);
    if (delivery?.outcome === "SPOOLED" && NOBODY_THERE.has(delivery.error.code)) break;
  }
  return round;
}

/** Undefined when the file was no entry. A spool that can't be written ends the round. */
async function deliverOne(
  spool: Spool,
  send: Send,
  claim: Claim,
  round: Round,
): Promise<Delivery | undefined> {
  let entry: SpoolEntry;
  try {
    entry = await spool.read(claim);
  } catch (error) {
    if (!(error instanceof CorruptEntryError)) throw error;
    await spool.buryCorrupt(claim);
    round.corrupt += 1;
    return undefined;
  }
  const delivery = await deliverClaimed(spool, send, claim, entry);
  if (delivery.outcome === "DELIVERED") round.delivered += 1;
  if (delivery.outcome === "REFUSED") round.refused += 1;
  if (delivery.outcome === "SPOOLED") round.postponed += 1;
  if (delivery.outcome !== "DELIVERED") round.lastError = delivery.error;
  if (delivery.spoolError !== undefined) throw delivery.spoolError;
  return delivery;
}

/** A delivery that goes on in the background. */
export interface BackgroundDelivery {
  /** Ends it, once the entry in hand is settled. */
  stop(): Promise<void>;
}

export interface BackgroundOptions {
  /** Between two rounds, in milliseconds; 5,000 when absent. */
  readonly intervalMs?: number | undefined;
  /** Told of each round that had something to do. */
  readonly onRound?: ((round: Round) => void) | undefined;
  /** Told when the spool itself can't be read; the next round tries again. */
  readonly onError: (error: unknown) => void;
}

const INTERVAL_DEFAULT_MS = 5_000;

/** Delivers what is due, round after round, until it is stopped. */
export function deliverInBackground(
  spool: Spool,
  send: Send,
  { intervalMs = INTERVAL_DEFAULT_MS, onRound, onError }: BackgroundOptions,
): BackgroundDelivery {
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = (async () => {
    while (!signal.aborted) {
      try {
        const round = await deliverWaiting(spool, send, { signal });
        if (round.delivered + round.refused + round.corrupt + round.postponed > 0) onRound?.(round);
      } catch (error) {
        onError(error);
      }
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
