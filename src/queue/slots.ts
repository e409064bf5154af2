/** A bounded number of things at once; further ones wait for their turn. */
export class Slots {
  readonly #count: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #idle = new Set<() => void>();

  /** @param count how many at once, from 1 */
  constructor(count: number) {
    this.#count = count;
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#taken < this.#count) this.#taken += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  /** Resolves as soon as nothing runs and nothing waits. */
  async whenIdle(): Promise<void> {
    if (this.#taken > 0) await new Promise<void>((resolve) => this.#idle.add(resolve));
  }

  #release(): void {
    const next = this.#waiting.shift();
    // The slot goes from hand to hand.
    if (next !== undefined) return next();
    this.#taken -= 1;
    if (this.#taken > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}
