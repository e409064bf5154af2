/**
 * Runs a batch until every ticket has its result. A deadlock or a lost connection runs the batch again;
 * a batch that fails twice for another cause is cut in half until the culprit stands alone, so one
 * bad command never takes others down with it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { Refusal } from "../billing/refusal.ts";
import type { Ticket } from "../billing/quota/serve.ts";
import { classify, type FaultKind } from "./mysql-error.ts";
import { serveBatch, type BatchContext, type LockWay } from "./quota-batch.ts";
import type { BatchResult, ServeTickets } from "./teller.ts";

/** How often a batch runs on deadlocks before its callers are told to come back. */
const DEADLOCK_ATTEMPTS_MAX = 6;
/**
 * After a row stayed locked for a whole lock wait, the lane waits for no row for so long: a server
 * that hangs with rows locked must not make others wait for it batch after batch.
 */
const NO_WAIT_MS = 2_000;
/** How often a locked row is tried for in that time; with the pauses about a tenth of a second. */
const NO_WAIT_ATTEMPTS_MAX = 4;
/** How often a batch runs again on a lost connection; with the pauses below about three seconds. */
const CONNECTION_ATTEMPTS_MAX = 6;
/**
 * How long it runs again after it lost its connection first. Attempts on a server that hangs take seconds
 * each: its callers are told instead, and their keys tell the outcome.
 */
const OUTAGE_PATIENCE_MS = 2_000;
/** The longest first pause before another attempt; it doubles with each. */
const PAUSE_MS = 25;
const PAUSE_MAX_MS = 1_000;
/** When a caller should come back after a fault that time mends. */
const BUSY_RETRY_MS = 100;
const DOWN_RETRY_MS = 1_000;
/** What runs again at once: another server may have used the same key at the same moment. */
const ATTEMPTS_BEFORE_BISECTION = 2;

export interface BatchObserver {
  /** A batch was committed: its size, and how long the whole of it took. */
  served(lane: number, size: number, tookMs: number): void;
  /** A batch runs again. */
  retried(kind: FaultKind): void;
  /** A ticket failed for a fault that isn't its caller's. */
  failed(method: string, kind: FaultKind, fault: unknown): void;
}

/** The second layer: turns floods away and takes the users' locks across servers. */
export interface SecondLayer {
  /**
   * Runs `work` while the users are locked across servers as far as Redis allows. It never fails and
   * never decides: rows are locked by the database in any case.
   * @returns the tickets that `gate` turned away, refused; for the others what `work` returned
   */
  around(
    tickets: readonly Ticket[],
    work: (admitted: readonly Ticket[]) => Promise<readonly BatchResult[]>,
  ): Promise<readonly BatchResult[]>;
}

export function createBatchRunner(
  orm: MikroORM,
  context: BatchContext,
  secondLayer: SecondLayer,
  observer: BatchObserver,
): ServeTickets {
  const transact: Transact = async (tickets, way) => {
    const { outcomes, events } = await orm.em
      .fork({ clear: true, useContext: false })
      .transactional((em) => serveBatch(em as EntityManager, context, tickets, way));
    if (events > 0) context.eventsCommitted?.();
    return outcomes;
  };
  const noWaitUntilMs = new Map<number, number>();
  const tries = createTries(transact, observer, (lane) =>
    noWaitUntilMs.set(lane, performance.now() + NO_WAIT_MS),
  );
  return (tickets, way, lane) =>
    secondLayer.around(tickets, (admitted) => {
      const doubt = { mayBeDone: false };
      const mayWait = performance.now() >= (noWaitUntilMs.get(lane) ?? 0);
      if (way === "skip-locked" || mayWait) return tries.settle(admitted, way, lane, doubt);
      const fault = new Error("somebody holds the user's row");
      return tries.withoutWaiting(admitted, lane, doubt, fault);
    });
}

type Transact = (tickets: readonly Ticket[], way: LockWay) => Promise<readonly BatchResult[]>;

/** @param blocked told of a lane in which a row stayed locked */
function createTries(
  transact: Transact,
  observer: BatchObserver,
  blocked: (lane: number) => void,
) {
  const settle = async (
    tickets: readonly Ticket[],
    way: LockWay,
    lane: number,
    doubt: Doubt,
  ): Promise<readonly BatchResult[]> => {
    let lostAtMs = Infinity;
    for (let attempt = 1; ; attempt++) {
      const startedMs = performance.now();
      try {
        const outcomes = await transact(tickets, way);
        observer.served(lane, tickets.length, performance.now() - startedMs);
        return outcomes;
      } catch (fault) {
        const kind = classify(fault);
        if (kind === "connection-lost") {
          doubt.mayBeDone = true;
          lostAtMs = Math.min(lostAtMs, performance.now());
        }
        if (kind === "lock-wait" && way === "wait") {
          observer.retried(kind);
          return withoutWaiting(tickets, lane, doubt, fault);
        }
        if (runsAgain(kind, attempt, lostAtMs)) {
          observer.retried(kind);
          await sleep(pauseMs(kind, attempt));
        } else if (tickets.length > 1 && isOneCommandsFault(kind)) {
          const middle = tickets.length >>> 1;
          return [
            ...(await settle(tickets.slice(0, middle), way, lane, doubt)),
            ...(await settle(tickets.slice(middle), way, lane, doubt)),
          ];
        } else {
          return giveUp(observer, tickets, kind, doubt, fault);
        }
      }
    }
  };

  /** Serves whoever can be served; those whose rows somebody holds hear so, and soon. */
  const withoutWaiting = async (
    tickets: readonly Ticket[],
    lane: number,
    doubt: Doubt,
    fault: unknown,
  ): Promise<readonly BatchResult[]> => {
    const results = new Map<Ticket, BatchResult>();
    let late = tickets;
    for (let attempt = 1; attempt <= NO_WAIT_ATTEMPTS_MAX && late.length > 0; attempt++) {
      if (attempt > 1) await sleep(pauseMs("lock-wait", 1));
      const served = await settle(late, "skip-locked", lane, doubt);
      late.forEach((ticket, at) => results.set(ticket, served[at]));
      late = late.filter((ticket) => results.get(ticket) === undefined);
    }
    if (late.length > 0) blocked(lane);
    const told = giveUp(observer, late, "lock-wait", doubt, fault);
    late.forEach((ticket, at) => results.set(ticket, told[at]));
    return tickets.map((ticket) => results.get(ticket));
  };
  return { settle, withoutWaiting };
}

function giveUp(
  observer: BatchObserver,
  tickets: readonly Ticket[],
  kind: FaultKind,
  { mayBeDone }: Doubt,
  fault: unknown,
): BatchResult[] {
  for (const { useCase } of tickets) observer.failed(useCase.method, kind, fault);
  const isBusy = kind === "deadlock" || kind === "lock-wait";
  const told = isBusy && mayBeDone ? "connection-lost" : kind;
  return tickets.map(() => ({ fault: faultFor(told, fault) }));
}

/**
 * What a batch must not deny. A connection that was lost, perhaps during COMMIT, leaves open whether
 * the commands were done; from then on only an answer or a refusal of their own says so.
 */
interface Doubt {
  mayBeDone: boolean;
}

/** Without Redis every answer is still right: the rows are locked by the database. */
export const NO_SECOND_LAYER: SecondLayer = {
  around: (tickets, work) => work(tickets),
};

/** @param lostAtMs when the connection was lost first; Infinity when it wasn't */
function runsAgain(kind: FaultKind, attempt: number, lostAtMs: number): boolean {
  if (kind === "connection-lost" && performance.now() - lostAtMs >= OUTAGE_PATIENCE_MS) return false;
  return attempt < attemptsFor(kind);
}

function attemptsFor(kind: FaultKind): number {
  if (kind === "deadlock") return DEADLOCK_ATTEMPTS_MAX;
  if (kind === "connection-lost" || kind === "queue-full") return CONNECTION_ATTEMPTS_MAX;
  return ATTEMPTS_BEFORE_BISECTION;
}

/** True when the others of a batch may well succeed without the one that fails. */
function isOneCommandsFault(kind: FaultKind): boolean {
  return kind !== "connection-lost" && kind !== "queue-full";
}

function pauseMs(kind: FaultKind, attempt: number): number {
  const isTimeOnly = kind === "duplicate-key" || kind === "check" || kind === "other";
  if (isTimeOnly) return 0;
  return Math.random() * Math.min(PAUSE_MS * 2 ** attempt, PAUSE_MAX_MS);
}

/** What the caller hears. A bug stays what it is: the wire makes INTERNAL of it and logs the cause. */
function faultFor(kind: FaultKind, fault: unknown): unknown {
  if (kind === "deadlock" || kind === "lock-wait") {
    const more = { retryAfterMs: BUSY_RETRY_MS };
    return new Refusal("ACCOUNT_BUSY", "the user's row stayed locked", {}, more);
  }
  if (kind === "connection-lost" || kind === "queue-full") {
    const more = { retryAfterMs: DOWN_RETRY_MS };
    const message = "the database can't be reached; the same key will tell the outcome";
    return new Refusal("DATABASE_UNAVAILABLE", message, {}, more);
  }
  return fault;
}
