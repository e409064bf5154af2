/**
 * Revenue is earned day by day over the days that were paid for, in a straight line, to the fen: docs/finance.md
 * has the formula. Pure sums of whole numbers; over its life an order earns exactly what was paid and not paid back.
 */
import type { Fen } from "../money.ts";

/** A paid order as revenue sees it. */
export interface Earning {
  readonly amountFen: Fen;
  /** Days are numbers of days.ts: the one of the payment, the first that is earned on, and the one after the last. */
  readonly payDay: number;
  readonly firstDay: number;
  readonly endDay: number;
  /** What went back, in any order. */
  readonly refunds: readonly PaidBack[];
}

export interface PaidBack {
  readonly day: number;
  readonly amountFen: Fen;
}

/** An order at the end of a day. */
export interface Standing {
  readonly recognisedFen: Fen;
  readonly deferredFen: Fen;
}

const NOTHING: Standing = { recognisedFen: 0n, deferredFen: 0n };

/** What has been earned by the end of a day, and what is still to be earned. */
export function standingAt(earning: Earning, day: number): Standing {
  const { amountFen, payDay, firstDay } = earning;
  if (day < payDay) return NOTHING;
  const endDay = Math.max(earning.endDay, firstDay + 1);
  // A stretch: from `fromDay` on `deferred` is earned in a straight line, on top of `recognised`.
  let [fromDay, recognised, deferred] = [firstDay, 0n, amountFen];
  const earnedBy = (last: number): Fen => {
    if (last < fromDay) return recognised;
    if (last >= endDay - 1) return recognised + deferred;
    return recognised + (deferred * BigInt(last - fromDay + 1)) / BigInt(endDay - fromDay);
  };
  let left = amountFen;
  for (const [refundDay, refunded] of byDay(earning.refunds)) {
    if (refundDay > day) break;
    // On the payment's own day nothing has been earned before it.
    const earned = refundDay <= payDay ? 0n : earnedBy(refundDay - 1);
    const open = left - earned;
    left -= refunded;
    recognised = refunded <= open ? earned : earned - (refunded - open);
    deferred = refunded <= open ? open - refunded : 0n;
    fromDay = Math.max(refundDay, firstDay);
  }
  const recognisedFen = earnedBy(day);
  return { recognisedFen, deferredFen: left - recognisedFen };
}

/** Sums by day, the earliest first. */
function byDay(refunds: readonly PaidBack[]): [number, Fen][] {
  const sums = new Map<number, Fen>();
  for (const { day, amountFen } of refunds) sums.set(day, (sums.get(day) ?? 0n) + amountFen);
  return [...sums].toSorted(([left], [right]) => left - right);
}

/** What was earned from `first` up to `end`, which isn't one of the days. It's negative when earned money went back. */
export function recognisedWithin(earning: Earning, first: number, end: number): Fen {
  return standingAt(earning, end - 1).recognisedFen - standingAt(earning, first - 1).recognisedFen;
}
