/**
 * Records the ends of memberships and tells of those to come, in bounded batches through the teller. Any
 * number of servers may do this at once: each passes over users whom another is serving, each end is
 * recorded and told once, and a kill at any point leaves only work for the next round.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { UserId } from "../billing/id.ts";
import { lapseMembership, tellExpiry } from "../billing/membership/lapse-membership.ts";
import type { UseCase } from "../billing/quota/desk.ts";
import type { EndOfUser, MembershipFinder } from "../store/membership-finder.ts";
import type { LaneTeller } from "../store/teller.ts";

/** What one round takes at a time: as much as one batch of the teller. */
const SWEEP_BATCH = 256;

export interface MembershipSweeperOptions {
  readonly teller: Pick<LaneTeller, "trySubmit">;
  readonly finder: MembershipFinder;
  readonly intervalMs: number;
  /** How long before its end a membership is told of; 0: never. */
  readonly aheadMs: number;
  readonly observer: MembershipSweepObserver;
}

export interface MembershipSweepObserver {
  /** A round is over. */
  swept(round: { readonly lapsed: number; readonly told: number }): void;
  /** A round failed; the next one tries again. */
  failed(fault: unknown): void;
}

export interface MembershipSweeper {
  /** One whole round, now. @returns how many ends were recorded, and how many told of before */
  sweep(): Promise<{ lapsed: number; told: number }>;
  /** Ends after the batch under way. */
  stop(): Promise<void>;
}

const CALLER = { name: "sweeper" };

/** Starts sweeping every `intervalMs`, from now on. */
export function startMembershipSweeper(options: MembershipSweeperOptions): MembershipSweeper {
  const { teller, finder, intervalMs, aheadMs, observer } = options;
  const stopping = new AbortController();

  const lapseAll = async (): Promise<number> => {
    let lapsed = 0;
    while (!stopping.signal.aborted) {
      const users = await finder.usersToLapse(SWEEP_BATCH);
      const served = await Promise.all(
        users.map((userId) => submit(teller, lapseMembership, { userId })),
      );
      const now = served.filter((answer) => answer?.lapsed).length;
      lapsed += now;
      // None means that all who are left are locked by others, whose commands record the end.
      if (users.length < SWEEP_BATCH || now === 0) break;
    }
    return lapsed;
  };

  const tellAll = async (): Promise<number> => {
    let told = 0;
    let after: EndOfUser | null = null;
    if (aheadMs === 0) return told;
    while (!stopping.signal.aborted) {
      const ends: EndOfUser[] = await finder.usersToTell(aheadMs, after, SWEEP_BATCH);
      const served = await Promise.all(
        ends.map(({ userId }) => submit(teller, tellExpiry, { userId, aheadMs })),
      );
      told += served.filter((answer) => answer?.told).length;
      if (ends.length < SWEEP_BATCH) break;
      after = ends.at(-1)!;
    }
    return told;
  };

  const sweep = async () => {
    const round = { lapsed: await lapseAll(), told: await tellAll() };
    observer.swept(round);
    return round;
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

/** Undefined where another transaction has the user. */
async function submit<Input extends { readonly userId: UserId }, Answer>(
  teller: MembershipSweeperOptions["teller"],
  useCase: UseCase<Input, Answer>,
  input: Input,
): Promise<Answer | undefined> {
  const command = { input, idempotencyKey: null, caller: CALLER, validateOnly: false };
  return (await teller.trySubmit(useCase, command, input.userId))?.answer;
}
