/** Sums of reports: VAT, roundings, shares. Whole numbers only. */
import type { Fen } from "../money.ts";
import type { MicroYuan } from "./cost.ts";

const BASIS_POINTS = 10_000n;
const MICRO_YUAN_PER_FEN = 10_000n;
const PER_MILLE = 1_000n;

/** The quotient, rounded half away from zero. @param divisor above 0 */
export function rounded(dividend: bigint, divisor: bigint): bigint {
  const magnitude = dividend < 0n ? -dividend : dividend;
  const quotient = (magnitude * 2n + divisor) / (divisor * 2n);
  return dividend < 0n ? -quotient : quotient;
}

/** VAT contained in an amount that has it. @param basisPoints the rate; 600 is 6 % */
export function vatIn(amountFen: Fen, basisPoints: bigint): Fen {
  return rounded(amountFen * basisPoints, BASIS_POINTS + basisPoints);
}

/** Fen, rounded half up. */
export function fenOf(amount: MicroYuan): Fen {
  return floorDivide(amount * 2n + MICRO_YUAN_PER_FEN, MICRO_YUAN_PER_FEN * 2n);
}

/** Thousandths, rounded down; null when there is nothing to be a part of. */
export function perMille(part: bigint, whole: bigint): bigint | null {
  if (whole === 0n) return null;
  return whole < 0n ? floorDivide(-part * PER_MILLE, -whole) : floorDivide(part * PER_MILLE, whole);
}

/** The quotient, rounded towards −∞. @param divisor above 0 */
function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend < 0n && quotient * divisor !== dividend ? quotient - 1n : quotient;
}

/**
 * Splits an amount by weights so that the parts are its exact sum: the largest remainders get what rounding leaves, the
 * earlier name first where they are equal. Without any weight nobody gets anything.
 * @param weights names and weights from 0 up, by name
 */
export function split(
  amount: bigint,
  weights: readonly (readonly [string, bigint])[],
): Map<string, bigint> {
  const whole = weights.reduce((total, [, weight]) => total + weight, 0n);
  if (whole === 0n) return new Map();
  const [magnitude, sign] = amount < 0n ? [-amount, -1n] : [amount, 1n];
  const parts = weights.map(([name, weight]) => ({
    name,
    part: (magnitude * weight) / whole,
    rest: (magnitude * weight) % whole,
  }));
  let left = magnitude - parts.reduce((total, { part }) => total + part, 0n);
  const ranked = parts.toSorted((one, other) => {
    if (one.rest !== other.rest) return one.rest > other.rest ? -1 : 1;
    return one.name < other.name ? -1 : 1;
  });
  const shares = new Map<string, bigint>();
  for (const { name, part } of ranked) {
    const extra = left > 0n ? 1n : 0n;
    left -= extra;
    shares.set(name, sign * (part + extra));
  }
  return shares;
}
