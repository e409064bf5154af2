/** Gathers what comes at about the same time, so that many share the round trips and the COMMIT of one. */
import { Refusal } from "../billing/refusal.ts";

export interface GatherOptions {
  /** Items served together at most. */
  readonly max: number;
  /** Groups under way at one time: while one waits for a lock, others go on. */
  readonly atOnce: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  resolve(result: Result): void;
  reject(fault: unknown): void;
}

/**
 * A function for one item in the place of one for many. Nothing waits for company: an item is served at
 * once when nothing is under way, else together with all that came meanwhile. A group that fails is served one by one,
 * so that nobody fails for another's sake.
 * @param serve answers one result an item, in their order
 */
export function gather<Item, Result>(
  serve: (items: readonly Item[]) => Promise<readonly Result[]>,
  { max, atOnce }: GatherOptions,
): (item: Item) => Promise<Result> {
  const queue: Waiting<Item, Result>[] = [];
  let running = 0;

  const serveGroup = async (group: readonly Waiting<Item, Result>[]): Promise<void> => {
    try {
      const results = await serve(group.map(({ item }) => item));
      group.forEach(({ resolve }, at) => resolve(results[at]!));
    } catch (fault) {
      // A database that is away, or busy, is so for each of them.
      if (group.length > 1 && !(fault instanceof Refusal)) {
        for (const each of group) await serveGroup([each]);
      } else {
        for (const { reject } of group) reject(fault);
      }
    }
  };
  const run = async (): Promise<void> => {
    running += 1;
    while (queue.length > 0) await serveGroup(queue.splice(0, max));
    running -= 1;
  };
  return (item) =>
    new Promise((resolve, reject) => {
      queue.push({ item, resolve, reject });
      // After what else this turn of the event loop brings.
      if (running < atOnce) setImmediate(() => void (running < atOnce && queue.length > 0 && run()));
    });
}
