/** How many of the reservations that were answered within the last minutes were refused. */
import type { Share } from "../billing/alert/facts.ts";
import { MINUTE_MS } from "../billing/clock.ts";
import { Refusal } from "../billing/refusal.ts";

/** Minutes that are counted besides the one that runs. */
const MINUTES = 5;

export interface RefusalShare {
  /** @param fault what it was refused with; undefined when it was served */
  answered(method: string, fault?: unknown): void;
  read(): Share;
}

/** @param now milliseconds since any moment, never going back */
export function createRefusalShare(now: () => number = () => performance.now()): RefusalShare {
  const minutes = new Map<number, { part: number; whole: number }>();
  const minuteNow = () => Math.floor(now() / MINUTE_MS);
  const forget = (minute: number) => {
    for (const each of minutes.keys()) if (each < minute - MINUTES) minutes.delete(each);
  };
  return {
    answered(method, fault) {
      if (!RESERVES.has(method)) return;
      // A fault of ours, or a caller who gave up, is no refusal of the business.
      if (fault !== undefined && !(fault instanceof Refusal)) return;
      const minute = minuteNow();
      let count = minutes.get(minute);
      if (count === undefined) {
        forget(minute);
        count = { part: 0, whole: 0 };
        minutes.set(minute, count);
      }
      count.whole += 1;
      if (fault !== undefined) count.part += 1;
    },
    read() {
      forget(minuteNow());
      let part = 0;
      let whole = 0;
      for (const count of minutes.values()) {
        part += count.part;
        whole += count.whole;
      }
      return { part: BigInt(part), whole: BigInt(whole) };
    },
  };
}

const RESERVES: ReadonlySet<string> = new Set(["ReserveQuota", "BatchReserveQuota"]);
