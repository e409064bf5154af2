/** Turns: so many at once, so many that wait, and no more. */
import { Refusal } from "../billing/refusal.ts";

export interface Turns {
  /**
   * Runs the work when its turn comes.
   * @throws Refusal OVERLOADED when too many wait; the signal's reason when it aborts before the turn
   */
  run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
  readonly running: number;
  readonly waiting: number;
}

/** @param atOnce from 1; @param waitingMax from 0 */
export function createTurns(atOnce: number, waitingMax: number, retryAfterMs: number): Turns {
  let running = 0;
  const waiting = new Set<() => void>();
  const next = (): void => {
    running -= 1;
    const [first] = waiting;
    first?.();
  };
  const turn = (signal: AbortSignal): Promise<void> | void => {
    if (running < atOnce) {
      running += 1;
      return;
    }
    if (waiting.size >= waitingMax) {
      const message = "as many wait for their turn as this server takes";
      throw new Refusal("OVERLOADED", message, {}, { retryAfterMs });
    }
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        waiting.delete(begin);
        signal.removeEventListener("abort", giveUp);
        running += 1;
        resolve();
      };
      const giveUp = (): void => {
        waiting.delete(begin);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      waiting.add(begin);
    });
  };
  return {
    async run(work, signal) {
      signal.throwIfAborted();
      await turn(signal);
      try {
        return await work();
      } finally {
        next();
      }
    },
    get running() {
      return running;
    },
    get waiting() {
      return waiting.size;
    },
  };
}
