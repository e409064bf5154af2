/** Keeps a hold alive while its task works, and tells the task when the hold is lost. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import type { BillingClient } from "./client.ts";
import { isReason, isRefusal } from "./errors.ts";
import { heartbeatKeys } from "./keys.ts";

/** The hold went away while its task worked: it expired, or another program settled it. */
export class HoldLostError extends Error {
  override readonly name = "HoldLostError";
  readonly reservationId: string;

  constructor(reservationId: string, why: string, cause?: unknown) {
    super(`the hold ${reservationId} is lost: ${why}`, cause === undefined ? undefined : { cause });
    this.reservationId = reservationId;
  }
}

export interface Heartbeat {
  /** Aborted with a HoldLostError when the hold is lost. */
  readonly signal: AbortSignal;
  /** Ends the heartbeat; nothing of it is under way after that. */
  stop(): Promise<void>;
}

export interface HeartbeatOptions {
  /** The hold's life, which each beat renews. */
  readonly ttlMs: number;
  /** The part of that life after which the next beat is due, above 0 and below 1. */
  readonly fraction: number;
  /** True: the first beat is due at once, since the hold may be near its end. */
  readonly atOnce: boolean;
}

/**
 * Beats until it is stopped or the hold is lost. A beat that gets no answer is no loss as long as
 * the last one that got through carries the hold.
 */
export function startHeartbeat(
  client: BillingClient,
  reservationId: string,
  { ttlMs, fraction, atOnce }: HeartbeatOptions,
): Heartbeat {
  const lost = new AbortController();
  const stopping = new AbortController();
  const nextKey = heartbeatKeys(reservationId);
  const intervalMs = ttlMs * fraction;
  // By our own clock: that of the service may differ. A hold lives at least as long as this.
  let aliveUntilMs = performance.now() + ttlMs;
  let mayExtend = true;

  async function beat(): Promise<void> {
    const sentMs = performance.now();
    const input = { idempotencyKey: nextKey(), reservationId, ttlMs };
    const deadlineMs = Math.max(1, Math.min(intervalMs, aliveUntilMs - sentMs));
    try {
      await client.extend(input, { deadlineMs, signal: stopping.signal });
      aliveUntilMs = sentMs + ttlMs;
    } catch (error) {
      if (stopping.signal.aborted) return;
      // No hold lives longer; this one still has what the last beat gave it.
      if (isReason(error, "HOLD_LIMIT_REACHED")) mayExtend = false;
      else if (isRefusal(error)) lost.abort(new HoldLostError(reservationId, error.message, error));
    }
  }

  const beating = (async () => {
    if (atOnce) await beat();
    while (!lost.signal.aborted && !stopping.signal.aborted) {
      const remainingMs = aliveUntilMs - performance.now();
      if (remainingMs <= 0) {
        lost.abort(new HoldLostError(reservationId, "no heartbeat came through during its life"));
        return;
      }
      const pauseMs = mayExtend ? Math.min(intervalMs, remainingMs) : remainingMs;
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (mayExtend && !stopping.signal.aborted) await beat();
    }
  })();

  return {
    signal: lost.signal,
    async stop() {
      stopping.abort();
      await beating;
    },
  };
}
