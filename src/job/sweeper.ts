/**
 * The sweeper: nothing is forgotten. It gives back what nobody settled in time, and opens and closes
 * lots, in bounded batches through the teller. Any number of servers may sweep at once: each passes over
 * users whom another is serving, and a kill at any point leaves only work for the next round.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { UserId } from "../billing/id.ts";
import { expireReservation } from "../billing/quota/expire-reservation.ts";
import { settleLots } from "../billing/quota/settle-lots.ts";
import type { OverdueHold, SweepFinder } from "../store/sweep-finder.ts";
import type { LaneTeller } from "../store/teller.ts";

/** What one round takes at a time: as much as one batch of the teller. */
const SWEEP_BATCH = 256;

export interface SweeperOptions {
  readonly teller: Pick<LaneTeller, "trySubmit">;
  readonly finder: SweepFinder;
  readonly intervalMs: number;
  readonly observer: SweepObserver;
}

export interface SweepObserver {
  /** A round is over: holds given back, users whose lots were settled, and what still waits. */
  swept(round: { expired: number; settledUsers: number; lagMs: number }): void;
  /** A round failed; the next one tries again. */
  failed(fault: unknown): void;
}

export interface Sweeper {
  /** One whole round, now. @returns how many holds were given back and users' lots settled */
  sweep(): Promise<{ expired: number; settledUsers: number }>;
  /** Ends after the batch under way. */
  stop(): Promise<void>;
}

const CALLER = { name: "sweeper" };

/** Starts sweeping every `intervalMs`, from now on. */
export function startSweeper({ teller, finder, intervalMs, observer }: SweeperOptions): Sweeper {
  const stopping = new AbortController();

  const expireAll = async (): Promise<number> => {
    let expired = 0;
    let after: OverdueHold | null = null;
    while (!stopping.signal.aborted) {
      const holds: OverdueHold[] = await finder.overdueHolds(after, SWEEP_BATCH);
      const outcomes = await Promise.all(holds.map((hold) => expireHold(teller, hold)));
      expired += outcomes.filter(Boolean).length;
      if (holds.length < SWEEP_BATCH) break;
      after = holds.at(-1)!;
    }
    return expired;
  };

  const settleAll = async (): Promise<number> => {
    let settled = 0;
    while (!stopping.signal.aborted) {
      const users = await finder.usersWithDueLots(SWEEP_BATCH);
      const outcomes = await Promise.all(users.map((userId) => settleUser(teller, userId)));
      const served = outcomes.filter(Boolean).length;
      settled += served;
      // Nobody served means that all who are left are locked by others, who settle them.
      if (users.length < SWEEP_BATCH || served === 0) break;
    }
    return settled;
  };

  const sweep = async () => {
    const expired = await expireAll();
    const settledUsers = await settleAll();
    observer.swept({ expired, settledUsers, lagMs: await finder.lagMs() });
    return { expired, settledUsers };
  };

  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await sweep().catch((fault: unknown) => observer.failed(fault));
      await sleep(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();

  return {
    sweep,
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

async function expireHold(
  teller: SweeperOptions["teller"],
  { userId, reservationId }: OverdueHold,
): Promise<boolean> {
  const command = {
    input: { userId, reservationId },
    idempotencyKey: null,
    caller: CALLER,
    validateOnly: false,
  };
  const served = await teller.trySubmit(expireReservation, command, userId);
  return served?.answer.expired ?? false;
}

async function settleUser(teller: SweeperOptions["teller"], userId: UserId): Promise<boolean> {
  const command = { input: { userId }, idempotencyKey: null, caller: CALLER, validateOnly: false };
  return (await teller.trySubmit(settleLots, command, userId)) !== undefined;
}
