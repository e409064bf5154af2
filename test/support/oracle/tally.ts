/** What a run did and what hit it: printed with its verdict, and proof that it was hit at all. */
import { isOfLoad, type Reply } from "./requests.ts";

const NUMBERS = [
  "operations",
  "answered",
  "replayed",
  "refused",
  "turnedAway",
  "unknown",
  "broken",
  "retries",
  "reconnects",
] as const;

export class Tally {
  /** Requests sent, each attempt counted. */
  operations = 0;
  answered = 0;
  replayed = 0;
  refused = 0;
  /** Refused since there was too much to do, or a row stayed locked. */
  turnedAway = 0;
  unknown = 0;
  broken = 0;
  /** Requests sent again with their key, by the load or inside the service. */
  retries = 0;
  /** A target answered again after it had been out of reach. */
  reconnects = 0;
  /** How often each kind of fault was inflicted. */
  readonly faults = new Map<string, number>();

  hit(fault: string, times = 1): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + times);
  }

  note(reply: Reply): void {
    this.operations += 1;
    if (reply.outcome === "ok") {
      this.answered += 1;
      if (reply.replayed) this.replayed += 1;
    } else if (reply.outcome === "refused") {
      if (isOfLoad(reply)) this.turnedAway += 1;
      else this.refused += 1;
    } else {
      this[reply.outcome] += 1;
    }
  }

  /** Adds what another run did. */
  add(other: Tally): void {
    for (const number of NUMBERS) this[number] += other[number];
    for (const [fault, times] of other.faults) this.hit(fault, times);
  }

  /**
   * A run that was hit by nothing proves nothing.
   * @throws Error naming what was inflicted or met less often than demanded
   */
  demand(least: Demands): void {
    const found: Record<keyof Demands, number> = {
      operations: this.operations,
      unknown: this.unknown,
      retries: this.retries,
      reconnects: this.reconnects,
      turnedAway: this.turnedAway,
      faults: [...this.faults.values()].reduce((sum, times) => sum + times, 0),
    };
    const words = Object.entries(least).flatMap(([what, times]) => {
      const met = found[what as keyof Demands];
      return met < times ? [`${what} ${met} of ${times}`] : [];
    });
    if (words.length === 0) return;
    throw new Error(`the run was hit too little to prove anything: ${words.join(", ")}`);
  }

  toString(): string {
    const { operations, answered, replayed, refused, turnedAway, unknown } = this;
    const { retries, reconnects } = this;
    const faults = [...this.faults].map(([name, times]) => `${name} ${times}`).join(", ") || "none";
    return [
      `${operations} operations: ${answered} answered (${replayed} replays), ${refused} refused`,
      `${turnedAway} turned away, ${unknown} unknown; ${retries} retries, ${reconnects} reconnects`,
      `faults: ${faults}`,
    ].join(", ");
  }
}

/** The least that a run must have met. */
export type Demands = Partial<
  Record<"operations" | "unknown" | "retries" | "reconnects" | "turnedAway" | "faults", number>
>;
