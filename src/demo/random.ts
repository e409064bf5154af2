/** Random numbers that are the same for the same seed, for demonstrations and their tests. */

export interface Random {
  /** From 0 up to 1. */
  next(): number;
  /** A whole number from 0 up to `end`. */
  int(end: number): number;
  between(min: number, max: number): number;
  /** Normally spread about 0, with a deviation of 1. */
  normal(): number;
  /** How often something happens that happens `mean` times as a rule. */
  poisson(mean: number): number;
  /** So many different whole numbers from 0 up to `end`. */
  distinct(count: number, end: number): number[];
}

/** Above this the normal distribution is as good, and quick. */
const POISSON_SMALL = 30;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  // mulberry32, by Tommy Ettinger, in the public domain.
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const int = (end: number) => Math.floor(next() * end);
  return {
    next,
    int,
    between: (min, max) => min + next() * (max - min),
    normal,
    poisson(mean) {
      if (mean > POISSON_SMALL) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()));
      const end = Math.exp(-mean);
      let count = 0;
      for (let product = next(); product > end; product *= next()) count += 1;
      return count;
    },
    distinct(count, end) {
      const found = new Set<number>();
      while (found.size < count) found.add(int(end));
      return [...found];
    },
  };
}
