/**
 * The teller serves commands as a bank does: they queue, it takes what waits, without waiting for more,
 * and serves it as one batch in one transaction. Users are dealt to lanes, so two batches of one
 * server never fight over a row. Answers leave only after COMMIT.
 */
import type { Command, UseCase } from "../billing/quota/desk.ts";
import type { Outcome, Ticket } from "../billing/quota/serve.ts";
import type { Served, Teller } from "../billing/quota/teller.ts";
import { tagInId, tagOf, type UserId } from "../billing/id.ts";
import { Refusal } from "../billing/refusal.ts";
import type { LockWay } from "./quota-batch.ts";

/** Serves one batch, with all of its retries: one result a ticket, in their order. */
export type ServeTickets = (
  tickets: readonly Ticket[],
  way: LockWay,
  lane: number,
) => Promise<readonly BatchResult[]>;

/** An outcome; a fault that this ticket must hear of; or undefined where its user was skipped. */
export type BatchResult = Outcome | { readonly fault: unknown } | undefined;

export interface TellerOptions {
  /** How many batches may be under way at one time, each with a connection of its own. */
  readonly lanes: number;
  /** Commands in one batch at most: more would only make all of them wait longer. */
  readonly batchMax: number;
  /** Commands that may wait in one lane; a further one is refused as OVERLOADED. */
  readonly queueMax: number;
  readonly observer: LaneObserver;
}

export interface LaneObserver {
  /** A lane's queue has another length. */
  queued(lane: number, depth: number): void;
  /** A command was turned away since its lane's queue is full. */
  overloaded(lane: number): void;
}

/** When a refused caller should come back: a full lane is served within about this time. */
const OVERLOAD_RETRY_MS = 250;

/** While the database is away, nobody waits longer in the queue: they hear the same as those before them. */
const AWAY_WAIT_MAX_MS = 10_000;

interface Waiting extends Ticket {
  readonly way: LockWay;
  readonly sinceMs: number;
  readonly signal: AbortSignal | undefined;
  resolve(served: Served<unknown> | undefined): void;
  reject(reason: unknown): void;
}

interface Lane {
  readonly queue: Waiting[];
  running: boolean;
  /** What all of the last batch were told since the database is away. */
  away: Refusal | undefined;
}

/** A teller that can be stopped, and can serve commands whose users nobody else is serving. */
export interface LaneTeller extends Teller {
  /**
   * As `submit`, but passes over a user whose row another transaction has locked.
   * @returns undefined when it was passed over
   */
  trySubmit<Input, Answer>(
    useCase: UseCase<Input, Answer>,
    command: Command<Input>,
    userId: UserId,
  ): Promise<Served<Answer> | undefined>;
  /** Refuses new commands as DRAINING and resolves when all that wait are answered. */
  drain(): Promise<void>;
}

export function createTeller(serveTickets: ServeTickets, options: TellerOptions): LaneTeller {
  const { lanes: laneCount, batchMax, queueMax, observer } = options;
  const lanes: Lane[] = Array.from({ length: laneCount }, () => ({
    queue: [],
    running: false,
    away: undefined,
  }));
  let draining = false;
  const idle: (() => void)[] = [];

  const enqueue = <Input, Answer>(
    useCase: UseCase<Input, Answer>,
    command: Command<Input>,
    userId: UserId | undefined,
    way: LockWay,
    signal?: AbortSignal,
  ): Promise<Served<Answer> | undefined> =>
    new Promise((resolve, reject) => {
      if (draining) throw new Refusal("DRAINING", "this server is shutting down", {});
      const at = laneOf(useCase as UseCase<unknown, unknown>, command, userId) % laneCount;
      const lane = lanes[at]!;
      if (lane.queue.length >= queueMax) {
        observer.overloaded(at);
        const retryAfterMs = OVERLOAD_RETRY_MS;
        throw new Refusal("OVERLOADED", "more work waits than is taken", {}, { retryAfterMs });
      }
      const sinceMs = performance.now();
      const waiting = { useCase, command, userId, way, sinceMs, signal, resolve, reject };
      lane.queue.push(waiting as unknown as Waiting);
      observer.queued(at, lane.queue.length);
      // Started in a microtask of its own, so that what arrives with this command joins its batch.
      if (!lane.running) {
        lane.running = true;
        setImmediate(() => void run(at));
      }
    });

  const run = async (at: number): Promise<void> => {
    const lane = lanes[at]!;
    while (lane.queue.length > 0) {
      const batch = takeBatch(lane, batchMax);
      observer.queued(at, lane.queue.length);
      if (batch.length > 0) lane.away = await answer(batch, serveTickets(batch, batch[0]!.way, at));
    }
    lane.running = false;
    if (lanes.every(({ running }) => !running)) for (const done of idle.splice(0)) done();
  };

  return {
    submit: async (useCase, command, userId, signal) =>
      (await enqueue(useCase, command, userId, "wait", signal))!,
    trySubmit: (useCase, command, userId) => enqueue(useCase, command, userId, "skip-locked"),
    drain: () => {
      draining = true;
      if (lanes.every(({ running }) => !running)) return Promise.resolve();
      return new Promise((resolve) => idle.push(resolve));
    },
  };
}

/** The commands of one user, and those on one user's reservation, all fall into one lane. */
function laneOf<Input>(
  useCase: UseCase<unknown, unknown>,
  command: Command<Input>,
  userId: UserId | undefined,
): number {
  if (userId !== undefined) return tagOf(userId);
  return tagInId(useCase.needs(command.input).reservationId ?? "");
}

/** The first commands of the queue that take their locks in the same way and still want an answer. */
function takeBatch({ queue, away }: Lane, batchMax: number): Waiting[] {
  const longestMs = away === undefined ? Infinity : AWAY_WAIT_MAX_MS;
  const nowMs = performance.now();
  const batch: Waiting[] = [];
  let taken = 0;
  for (const waiting of queue) {
    if (batch.length === batchMax || (batch.length > 0 && waiting.way !== batch[0]!.way)) break;
    taken += 1;
    if (waiting.signal?.aborted) waiting.reject(waiting.signal.reason);
    else if (nowMs - waiting.sinceMs > longestMs) waiting.reject(away);
    else batch.push(waiting);
  }
  queue.splice(0, taken);
  return batch;
}

/** @returns the refusal that all of them were given, where that is that the database is away */
async function answer(
  batch: readonly Waiting[],
  results: Promise<readonly BatchResult[]>,
): Promise<Refusal | undefined> {
  let served: readonly BatchResult[];
  try {
    served = await results;
  } catch (fault) {
    served = batch.map(() => ({ fault }));
  }
  batch.forEach((waiting, at) => {
    const result = served[at];
    if (result === undefined) waiting.resolve(undefined);
    else if ("fault" in result) waiting.reject(result.fault);
    else if ("refusal" in result) waiting.reject(result.refusal);
    else waiting.resolve(result);
  });
  const away = served.map(awayIn);
  return away.includes(undefined) ? undefined : away[0];
}

function awayIn(result: BatchResult): Refusal | undefined {
  if (result === undefined || !("fault" in result)) return undefined;
  const { fault } = result;
  const isAway = fault instanceof Refusal && fault.reason === "DATABASE_UNAVAILABLE";
  return isAway ? fault : undefined;
}
