/**
 * Adds the ledgers up again, all of them, every `intervalMs`, on one of any number of servers; the others only
 * look what came of it. Whoever does it and dies is followed by another, which begins anew.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { MINUTE_MS } from "../billing/clock.ts";
import type { JobTurns } from "../store/job-turns.ts";
import type {
  LedgerBreak,
  LedgerCheckOptions,
  LedgerOutcome,
  LedgerPage,
} from "../store/ledger-check.ts";
import type { LastCheck, LedgerRecords, StartedCheck } from "../store/ledger-check-records.ts";

/** How long the turn stays with a server that says nothing any more. */
export const LEDGER_LEASE_MS = MINUTE_MS;
/** After a page it rests three times as long as that took: a quarter of one core at most. */
const REST = 3;
/** How often a server asks whose turn it is. */
const LOOK_MS = MINUTE_MS;
/** The lease is put off so many times before it would end. */
const RENEWALS = 4;

export interface LedgerCheckerOptions {
  readonly turns: JobTurns;
  readonly records: LedgerRecords;
  readonly check: (options: LedgerCheckOptions) => Promise<LedgerOutcome>;
  /** From the end of a round to the begin of the next. */
  readonly intervalMs: number;
  /** As the turns were made with. */
  readonly leaseMs: number;
  readonly observer: LedgerObserver;
}

/** Hears of checks. No call throws and none waits. */
export interface LedgerObserver {
  /** The first difference of a round: a person has to look, at once. */
  broken(checkId: string, first: LedgerBreak): void;
  /** This server's round is over. */
  checked(checkId: string, outcome: LedgerOutcome, tookMs: number): void;
  /** What the latest round of any server came to; it's said again and again. */
  known(last: LastCheck): void;
  /** A round could not be done; it's tried again. */
  failed(fault: unknown): void;
}

export interface LedgerChecker {
  /** Ends after the page under way, and gives its turn back. */
  stop(): Promise<void>;
}

export function startLedgerChecker(options: LedgerCheckerOptions): LedgerChecker {
  const { turns, records, observer, intervalMs } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const look = async () => {
    if (await turns.take(intervalMs)) await round(options, signal);
    const last = await records.last();
    if (last !== undefined) observer.known(last);
  };
  const loop = (async () => {
    while (!signal.aborted) {
      await look().catch((fault: unknown) => {
        if (!signal.aborted) observer.failed(fault);
      });
      await sleep(Math.min(LOOK_MS, intervalMs), undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

/** One whole round, under a lease that is kept alive meanwhile. */
async function round(options: LedgerCheckerOptions, stopping: AbortSignal): Promise<void> {
  const { records, check, observer } = options;
  const lost = new AbortController();
  const signal = AbortSignal.any([stopping, lost.signal]);
  const beating = keepTurn(options, signal, lost);
  const beganMs = performance.now();
  try {
    const started = await records.begin();
    const outcome = await check({ rest: REST, signal, paged: tellFirst(options, started) });
    if (await records.finish(started, outcome)) {
      observer.checked(started.checkId, outcome, performance.now() - beganMs);
    }
  } catch (fault) {
    // Told to stop, or another's turn by now: not failed.
    if (!signal.aborted) throw fault;
  } finally {
    lost.abort();
    await beating;
    await options.turns.release().catch((fault: unknown) => observer.failed(fault));
  }
}

function tellFirst({ records, observer }: LedgerCheckerOptions, { checkId }: StartedCheck) {
  let isTold = false;
  return async ({ breaks: [first] }: LedgerPage) => {
    if (first === undefined || isTold) return;
    isTold = true;
    observer.broken(checkId, first);
    await records.tell(checkId, first);
  };
}

/** Puts the lease off until told otherwise; without it the round ends, since another may do it by now. */
async function keepTurn(
  { turns, leaseMs }: LedgerCheckerOptions,
  signal: AbortSignal,
  lost: AbortController,
): Promise<void> {
  let heldUntilMs = performance.now() + leaseMs;
  while (!signal.aborted) {
    await sleep(leaseMs / RENEWALS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const askedMs = performance.now();
    const isRenewed = await turns.renew().catch(() => undefined);
    if (isRenewed) heldUntilMs = askedMs + leaseMs;
    // A database that is away for a moment takes no turn away.
    else if (isRenewed === false || performance.now() > heldUntilMs) return lost.abort();
  }
}
