/** Lets a loop rest until somebody has something for it. */
export class Waker {
  #isAwake = false;
  #isOver = false;
  #end: (() => void) | undefined;

  /** True as soon as the loop is to end. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends the rest that is under way, or the next one. */
  wake(): void {
    this.#isAwake = true;
    this.#end?.();
  }

  end(): void {
    this.#isOver = true;
    this.wake();
  }

  /** Rests `leastMs` in any case, and then until it is woken, `mostMs` in all at most. */
  async wait(leastMs: number, mostMs: number): Promise<void> {
    await this.#rest(leastMs, () => this.#isOver);
    await this.#rest(mostMs - leastMs, () => this.#isAwake);
    this.#isAwake = false;
  }

  async #rest(ms: number, isEnough: () => boolean): Promise<void> {
    if (isEnough()) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#end = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#end = () => {
        if (isEnough()) done();
      };
    });
  }
}
