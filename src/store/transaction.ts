/** Transactions: all or nothing, and again from the start when the database asks for it. */
import { setTimeout as sleep } from "node:timers/promises";
import { IsolationLevel } from "@mikro-orm/core";
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { Refusal } from "../billing/refusal.ts";
import { classify, type FaultKind } from "./mysql-error.ts";

export interface TransactionOptions {
  /** Gives the transaction up and rolls it back; after the work is done it is too late for that. */
  readonly signal?: AbortSignal | undefined;
  /** How often the work runs at most, from 1. */
  readonly attemptsMax?: number;
}

/** Each waits for a locked row for some seconds; a caller waits no longer than all of them. */
const ATTEMPTS_MAX = 4;
/** A database that was lost is tried again for so long: one that hangs takes seconds for each attempt. */
const OUTAGE_PATIENCE_MS = 2_000;
/** The longest pause before the second attempt; it doubles with each. */
const PAUSE_MS = 20;
/** When a caller should come back after a fault that time mends. */
const BUSY_RETRY_MS = 100;
const DOWN_RETRY_MS = 1_000;

/**
 * Runs the work in one transaction, READ COMMITTED as all sessions are, and commits it. A deadlock,
 * a lock that was waited for too long, or a connection lost before COMMIT undoes the work and runs
 * the whole of it again, so it must keep nothing outside. A connection lost during COMMIT leaves
 * the outcome unknown: the caller's idempotency key tells it when it comes again.
 * @throws what the work throws; Refusal ACCOUNT_BUSY, DATABASE_UNAVAILABLE, OVERLOADED; the reason
 *   of the signal when it was given up
 */
export function inTransaction<Result>(
  orm: MikroORM,
  work: (em: EntityManager) => Promise<Result>,
  options: TransactionOptions = {},
): Promise<Result> {
  return attempting(options, async (reins) => {
    let isDecided = false;
    try {
      return await orm.em.fork({ clear: true, useContext: false }).transactional(
        async (em) => {
          const result = await work(em);
          await em.flush();
          // From here on only COMMIT is missing, and nobody can say that nothing was changed.
          isDecided = true;
          reins.release();
          return result;
        },
        reins.abortable,
      );
    } catch (error) {
      const kind = classify(error);
      throw isDecided && kind === "connection-lost" ? faultFor(kind, error) : error;
    }
  });
}

/**
 * Runs statements that only read, each as it is committed at its moment. A lost connection runs
 * the whole again.
 * @throws as inTransaction
 */
export function reading<Result>(
  orm: MikroORM,
  work: (em: EntityManager) => Promise<Result>,
  options: TransactionOptions = {},
): Promise<Result> {
  return attempting(options, ({ abortable }) =>
    work(orm.em.fork({ clear: true, useContext: false, ...abortable }) as EntityManager),
  );
}

/**
 * Runs statements that only read, all of them as it was committed at the first one's moment.
 * @throws as inTransaction
 */
export function snapshot<Result>(
  orm: MikroORM,
  work: (em: EntityManager) => Promise<Result>,
  options: TransactionOptions = {},
): Promise<Result> {
  const { REPEATABLE_READ: isolationLevel } = IsolationLevel;
  return reading(
    orm,
    (em) => em.transactional((inner) => work(inner), { isolationLevel, readOnly: true }),
    options,
  );
}

/** The caller's signal, until it is let go of. */
interface Reins {
  /** An abort must not leave a statement running on locked rows. */
  readonly abortable: {
    readonly signal?: AbortSignal;
    readonly inflightQueryAbortStrategy?: "cancel query";
  };
  release(): void;
}

async function attempting<Result>(
  { signal, attemptsMax = ATTEMPTS_MAX }: TransactionOptions,
  attemptOnce: (reins: Reins) => Promise<Result>,
): Promise<Result> {
  let lostAtMs = Infinity;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const reins = takeReins(signal);
    try {
      return await attemptOnce(reins);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      signal?.throwIfAborted();
      const kind = classify(error);
      if (kind === "connection-lost") lostAtMs = Math.min(lostAtMs, performance.now());
      const isPatient = performance.now() - lostAtMs < OUTAGE_PATIENCE_MS;
      const isLast = attempt === attemptsMax || !isPatient;
      if (!isMendedByTime(kind) || isLast) throw faultFor(kind, error);
    } finally {
      reins.release();
    }
    await sleep(Math.random() * PAUSE_MS * 2 ** attempt);
  }
}

function takeReins(signal: AbortSignal | undefined): Reins {
  if (signal === undefined) return { abortable: {}, release: () => {} };
  const own = new AbortController();
  const abort = () => own.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  return {
    abortable: { signal: own.signal, inflightQueryAbortStrategy: "cancel query" },
    release: () => signal.removeEventListener("abort", abort),
  };
}

function isMendedByTime(kind: FaultKind): boolean {
  return kind === "deadlock" || kind === "lock-wait" || kind === "connection-lost";
}

/**
 * What the caller hears of a fault of the database: a refusal where it isn't a bug of ours, with
 * the fault as its cause.
 */
export function faultFor(kind: FaultKind, fault: unknown): unknown {
  const refusal = refusalFor(kind);
  if (refusal === undefined) return fault;
  refusal.cause = fault;
  return refusal;
}

function refusalFor(kind: FaultKind): Refusal | undefined {
  const busy = { retryAfterMs: BUSY_RETRY_MS };
  if (kind === "deadlock" || kind === "lock-wait") {
    return new Refusal("ACCOUNT_BUSY", "the rows stayed locked", {}, busy);
  }
  if (kind === "connection-lost") {
    const message = "the database can't be reached; the same key will tell the outcome";
    return new Refusal("DATABASE_UNAVAILABLE", message, {}, { retryAfterMs: DOWN_RETRY_MS });
  }
  if (kind !== "queue-full") return undefined;
  return new Refusal("OVERLOADED", "more work waits for the database than is taken", {}, busy);
}
