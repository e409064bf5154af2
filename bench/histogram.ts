/** Latencies in buckets whose width grows with them: constant memory, and a known precision. */

/** Buckets for each doubling: a quantile is wrong by 2.2 % at most. */
const BUCKETS_PER_OCTAVE = 32;
/** From one microsecond to some hours. */
const OCTAVES = 34;

export class Histogram {
  readonly #counts: number[];
  #total = 0;

  constructor(counts: readonly number[] = []) {
    this.#counts = Array.from({ length: BUCKETS_PER_OCTAVE * OCTAVES }, (_, at) => counts[at] ?? 0);
    for (const count of this.#counts) this.#total += count;
  }

  /** @param us microseconds; what is shorter than one counts as one */
  add(us: number): void {
    const bucket = Math.floor(Math.log2(Math.max(us, 1)) * BUCKETS_PER_OCTAVE);
    const at = Math.min(bucket, this.#counts.length - 1);
    this.#counts[at] = this.#counts[at]! + 1;
    this.#total += 1;
  }

  /**
   * The latency that a share of all does not exceed.
   * @param share from 0 to 1
   * @returns microseconds, the middle of the bucket; NaN when nothing was added
   */
  quantileUs(share: number): number {
    if (this.#total === 0) return NaN;
    const rank = Math.max(1, Math.ceil(this.#total * share));
    let seen = 0;
    const at = this.#counts.findIndex((count) => (seen += count) >= rank);
    return 2 ** ((at + 0.5) / BUCKETS_PER_OCTAVE);
  }

  /** What the constructor takes: for sending it to another process. */
  get counts(): readonly number[] {
    return this.#counts;
  }

  get total(): number {
    return this.#total;
  }
}

/** All latencies of several histograms. */
export function merged(histograms: readonly Histogram[]): Histogram {
  const counts = new Histogram().counts.map((_, at) =>
    histograms.reduce((sum, histogram) => sum + histogram.counts[at]!, 0),
  );
  return new Histogram(counts);
}
