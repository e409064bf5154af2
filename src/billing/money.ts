/** Money and quota are whole numbers. No float and no bare division comes near them. */

/** Chinese fen: a hundredth of a yuan. WeChat Pay counts in the same unit. */
export type Fen = bigint;

/** Quota units; a feature's `quota_cost` says how many one use takes. */
export type QuotaUnits = bigint;

/** The largest amount that this service counts, of fen or quota units: safe in int64 and in a double. */
export const AMOUNT_MAX = 1_000_000_000_000n;

export function smaller(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}

export function sum(amounts: Iterable<bigint>): bigint {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total;
}
