/**
 * Robust statistics in whole numbers: a few wild days in a history move neither the median nor the median
 * deviation from it, so that what was unusual before doesn't hide what is unusual now.
 */

/** 1.4826 in thousandths: times this, the median deviation of normally spread values is their standard deviation. */
const NORMAL_PER_MILLE = 1_483n;
const PER_MILLE = 1_000n;

/** The middle value; of an even number the lower of the two in the middle. 0 of none. */
export function median(values: readonly bigint[]): bigint {
  const sorted = values.toSorted(ascending);
  return sorted[(sorted.length - 1) >> 1] ?? 0n;
}

function ascending(left: bigint, right: bigint): number {
  return left < right ? -1 : Number(left > right);
}

/** How far values lie from their median, half of them less and half of them more. */
export function medianDeviation(values: readonly bigint[], middle: bigint): bigint {
  return median(values.map((value) => (value < middle ? middle - value : value - middle)));
}

export interface Spread {
  /** How many standard deviations above the median are usual, in thousandths. */
  readonly deviationsPerMille: bigint;
  /** At least this share of the median is usual, in thousandths: histories that never vary have no deviation. */
  readonly marginPerMille: bigint;
  /** Up to this everything is usual: small numbers vary much. */
  readonly floor: bigint;
}

/** The largest value that is usual after this history. */
export function usualUpTo(history: readonly bigint[], spread: Spread): bigint {
  const middle = median(history);
  const deviation = (medianDeviation(history, middle) * NORMAL_PER_MILLE) / PER_MILLE;
  const varied = (deviation * spread.deviationsPerMille) / PER_MILLE;
  const margin = (middle * spread.marginPerMille) / PER_MILLE;
  return largest(spread.floor, middle + largest(varied, margin));
}

export function largest(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}

/** So many had the same value. */
export interface Step {
  readonly value: bigint;
  readonly count: number;
}

/** The smallest value that this share of all doesn't exceed. 0 of none. @param perMille 0 to 1000 */
export function quantile(steps: readonly Step[], perMille: number): bigint {
  const sorted = steps.toSorted((left, right) => ascending(left.value, right.value));
  const total = sorted.reduce((sum, { count }) => sum + count, 0);
  let below = 0;
  for (const { value, count } of sorted) {
    below += count;
    if (below * 1_000 >= total * perMille) return value;
  }
  return 0n;
}

/** A share in thousandths, rounded down; 0 of nothing. */
export function perMilleOf(part: bigint, whole: bigint): bigint {
  return whole === 0n ? 0n : (part * PER_MILLE) / whole;
}
