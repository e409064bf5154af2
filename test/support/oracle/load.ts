/** The load: workers that send, journal and learn, whatever happens to those who serve them. */
import { setTimeout as sleep } from "node:timers/promises";
import { readJournal, byOperation, type Attempt, type Journal } from "./journal.ts";
import type { Dice } from "./random.ts";
import { isOfLoad, isOpen, type QuotaRequest, type Reply, type Target } from "./requests.ts";
import type { Tally } from "./tally.ts";
import type { Workload } from "./workload.ts";

export interface LoadOptions {
  readonly targets: readonly Target[];
  readonly workload: Workload;
  readonly journal: Journal;
  readonly tally: Tally;
  readonly dice: Dice;
  /** Requests under way at one time, about. */
  readonly workers: number;
}

export interface Load {
  /** Resolves when so many further requests have ended in this way. */
  more(times: number, way?: Way): Promise<void>;
  /** Sends no more, and resolves when every request under way has its reply. */
  stop(): Promise<void>;
}

/**
 * How a request can end: answered or refused for good; turned away since there is too much to do;
 * or in a way that leaves open what became of it.
 */
export type Way = "served" | "turned away" | "unknown";

/** How often a request is sent again by the load; what is open then is settled at the end. */
const TRIES_MAX = 3;
/** Pauses of a caller who was not served, so that a dead service isn't asked in a tight loop. */
const PAUSE_MIN_MS = 5;
const PAUSE_MAX_MS = 60;

export function startLoad(options: LoadOptions): Load {
  const { workload, tally, dice, workers } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const counters = {
    served: createCounter(),
    "turned away": createCounter(),
    unknown: createCounter(),
  };
  const send = createSender(options, (reply) => counters[wayOf(reply)].count());

  const serveOne = async (request: QuotaRequest): Promise<void> => {
    for (let tries = 1; ; tries++) {
      const reply = await send(request, dice.pick(options.targets)!);
      workload.learn(request, reply);
      if (!isOpen(reply) && !isOfLoad(reply)) return;
      await sleep(dice.whole(PAUSE_MIN_MS, PAUSE_MAX_MS));
      // Some callers give up: their keys stay unknown until the end.
      if (signal.aborted || tries === TRIES_MAX || dice.chance(0.3)) return;
      tally.retries += 1;
    }
  };
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      const { request, copies } = workload.next();
      await Promise.all(Array.from({ length: copies }, () => serveOne(request)));
    }
  };
  const working = Promise.all(Array.from({ length: workers }, work));
  return {
    more: (times, way = "served") =>
      Promise.race([counters[way].more(times), working.then(ended)]),
    async stop() {
      stopping.abort();
      await working;
    },
  };
}

function wayOf(reply: Reply): Way {
  if (isOfLoad(reply)) return "turned away";
  // A bug is no outage: waiting for better answers wouldn't end.
  return reply.outcome === "unknown" ? "unknown" : "served";
}

function ended(): never {
  throw new Error("the load has ended already");
}

/** Sends one request once, with its lines in the journal. */
function createSender({ journal, tally }: SettleOptions, heard: (reply: Reply) => void) {
  const lost = new Set<Target>();
  return async (request: QuotaRequest, target: Target): Promise<Reply> => {
    const id = await journal.sent(request);
    const reply = await target.send(request);
    journal.answered(id, reply);
    tally.note(reply);
    if (isOpen(reply)) lost.add(target);
    else if (lost.delete(target)) tally.reconnects += 1;
    heard(reply);
    return reply;
  };
}

/** Counts, and wakes whoever waits for a number. */
function createCounter() {
  let total = 0;
  let waiting: { readonly at: number; readonly wake: () => void }[] = [];
  return {
    count() {
      total += 1;
      const due = waiting.filter(({ at }) => at <= total);
      if (due.length === 0) return;
      waiting = waiting.filter(({ at }) => at > total);
      for (const { wake } of due) wake();
    },
    more: (times: number) =>
      new Promise<void>((wake) => void waiting.push({ at: total + times, wake })),
  };
}

/** A service that answers nothing for so many tries, each after a pause, has not recovered. */
const SETTLE_TRIES_MAX = 400;
/** A bug that shows so often stays. */
const BROKEN_TRIES_MAX = 3;
/** How many old operations are asked for once more when all is over. */
const REPLAYS = 200;
const SETTLERS = 32;

export type SettleOptions = Omit<LoadOptions, "workers" | "workload">;

/**
 * After the faults are over: replays every request whose outcome is open until it has a definite
 * one, and some of those that were answered, whose answers must still be the same.
 */
export async function settleOpen(options: SettleOptions): Promise<void> {
  const { journal, dice, targets } = options;
  const operations = [...byOperation(await readJournal(journal.path)).values()];
  const open = operations.filter(isUnsettled).map((attempts) => attempts[0]!.request);
  const answered = operations.flatMap((attempts) => answeredRequest(attempts) ?? []);
  const again = Array.from({ length: REPLAYS }, () => dice.pick(answered)).filter((one) => !!one);
  const queue = [...open, ...again];
  const send = createSender(options, () => {});
  const settle = async (): Promise<void> => {
    for (let request = queue.pop(); request !== undefined; request = queue.pop()) {
      let reply = await send(request, targets[0]!);
      for (let tries = 1; isOpen(reply) || isOfLoad(reply); tries++) {
        // The verdict says what it met.
        if (reply.outcome === "broken" && tries === BROKEN_TRIES_MAX) break;
        if (tries === SETTLE_TRIES_MAX) throw new Error(`no end to ${JSON.stringify(reply)}`);
        await sleep(PAUSE_MAX_MS);
        options.tally.retries += 1;
        reply = await send(request, targets[0]!);
      }
    }
  };
  await Promise.all(Array.from({ length: SETTLERS }, settle));
}

/** True for an operation with an open attempt, of which nobody has heard that it was done. */
export function isUnsettled(attempts: readonly Attempt[]): boolean {
  return attempts.some(({ reply }) => isOpen(reply)) && answeredRequest(attempts) === undefined;
}

function answeredRequest(attempts: readonly Attempt[]): QuotaRequest | undefined {
  return attempts.find(({ reply }) => reply?.outcome === "ok")?.request;
}
