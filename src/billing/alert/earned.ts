/** What a user has brought in until a moment of a month: memberships by their days, packs when they are paid. */

/** 1 fen = 10,000 millionths of a yuan. */
export const MICRO_YUAN_PER_FEN = 10_000n;

/** A paid order as earnings see it. */
export interface EarningOrder {
  /** Paid less refunded. */
  readonly netFen: bigint;
  readonly payTimeMs: number;
  /** When the membership that it bought begins and ends; null for packs. */
  readonly startTimeMs: number | null;
  readonly endTimeMs: number | null;
}

/** The part of the order that falls between two moments, straight line over its membership; rounded down. */
export function earnedFen(order: EarningOrder, fromMs: number, toMs: number): bigint {
  const { netFen, payTimeMs, startTimeMs, endTimeMs } = order;
  if (startTimeMs === null || endTimeMs === null || endTimeMs <= startTimeMs) {
    return payTimeMs >= fromMs && payTimeMs < toMs ? netFen : 0n;
  }
  const overlap = Math.min(endTimeMs, toMs) - Math.max(startTimeMs, fromMs);
  if (overlap <= 0) return 0n;
  return (netFen * BigInt(overlap)) / BigInt(endTimeMs - startTimeMs);
}
