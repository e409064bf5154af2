/** Chance that comes out the same each time: a seeded generator of numbers. */

export interface Dice {
  /** From 0 up to 1. */
  next(): number;
  /** A whole number from `low` up to `high`, both inside. */
  between(low: number, high: number): number;
  chance(share: number): boolean;
  pick<Each>(from: readonly Each[]): Each;
}

/** mulberry32: 32 bits of state, which is plenty for made-up members. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (share) => next() < share,
    pick: (from) => from[Math.floor(next() * from.length)]!,
  };
}
