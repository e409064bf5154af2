/** The time of a simulator: it runs, stands still or is moved, and does what is due on the way. */

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => Promise<void> | void;
}

/** Longer waits of Node's timers overflow; a timer that rings early only looks and waits again. */
const WAIT_MAX_MS = 2 ** 31 - 1;

export class SimulatedClock {
  /** Simulated minus real time while it runs; the time itself while it stands. */
  #offsetMs: number;
  #frozenAtMs: number | null = null;
  #due: Due[] = [];
  #count = 0;
  #timer: NodeJS.Timeout | null = null;
  #advancing: Promise<void> = Promise.resolve();
  #isAdvancing = false;
  readonly #running = new Set<Promise<void>>();
  readonly #failed: (error: unknown) => void;

  /** @param failed told of the error of what was due: a bug, since deliveries never throw */
  constructor(startMs: number, failed: (error: unknown) => void) {
    this.#offsetMs = startMs - Date.now();
    this.#failed = failed;
  }

  now(): number {
    return this.#frozenAtMs ?? Date.now() + this.#offsetMs;
  }

  /** Stops the time where it is. What becomes due by `advance` or `set` runs nevertheless. */
  freeze(): void {
    this.#frozenAtMs = this.now();
    this.#arm();
  }

  /** Lets a stopped time run again from where it stands. */
  resume(): void {
    this.set(this.now(), false);
  }

  /** Jumps, forth or back. What is due by then runs soon after; `Simulator.idle` waits for it. */
  set(ms: number, frozen = this.#frozenAtMs !== null): void {
    this.#frozenAtMs = frozen ? ms : null;
    this.#offsetMs = ms - Date.now();
    this.#arm();
  }

  /**
   * Moves on by so many milliseconds. All that is due on the way runs at its own moment, one after
   * the other, also what the earlier of it brings about: the promise waits for all of it.
   */
  advance(ms: number): Promise<void> {
    const done = this.#advancing.then(() => this.#advanceTo(this.now() + ms));
    this.#advancing = done.catch(() => {});
    return done;
  }

  /** Runs something when the time has come; at once when it has passed. */
  at(atMs: number, run: Due["run"]): void {
    this.#due.push({ atMs, order: (this.#count += 1), run });
    this.#due.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    this.#arm();
  }

  /** Resolves when nothing runs and nothing that is due waits. */
  async settled(): Promise<void> {
    for (;;) {
      const first = this.#due[0];
      if (this.#running.size > 0) await Promise.all(this.#running);
      else if (this.#isAdvancing) await this.#advancing;
      else if (first !== undefined && first.atMs <= this.now()) this.#ring();
      else return;
    }
  }

  /** Forgets all that was to be done. */
  clear(): void {
    this.#due = [];
    this.#arm();
  }

  async #advanceTo(targetMs: number): Promise<void> {
    this.#isAdvancing = true;
    const frozen = this.#frozenAtMs !== null;
    try {
      for (;;) {
        // What runs already may bring about something that is due on the way.
        await Promise.all(this.#running);
        const next = this.#take(targetMs);
        if (next === null) break;
        // The time stands while something runs, so that what follows it is due at the right moment.
        this.#frozenAtMs = Math.max(next.atMs, this.now());
        await this.#start(next);
      }
    } finally {
      this.#isAdvancing = false;
      this.set(targetMs, frozen);
    }
  }

  #take(untilMs: number): Due | null {
    const first = this.#due[0];
    if (first === undefined || first.atMs > untilMs) return null;
    this.#due.shift();
    return first;
  }

  #start(due: Due): Promise<void> {
    const done = Promise.resolve()
      .then(() => due.run())
      .catch((error: unknown) => this.#failed(error))
      .finally(() => this.#running.delete(done));
    this.#running.add(done);
    return done;
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const first = this.#due[0];
    if (first === undefined || this.#isAdvancing) return;
    const waitMs = Math.max(0, first.atMs - this.now());
    if (waitMs > 0 && this.#frozenAtMs !== null) return;
    this.#timer = setTimeout(() => this.#ring(), Math.min(waitMs, WAIT_MAX_MS));
    this.#timer.unref();
  }

  #ring(): void {
    if (this.#isAdvancing) return;
    for (let due = this.#take(this.now()); due !== null; due = this.#take(this.now())) {
      void this.#start(due);
    }
    this.#arm();
  }
}
