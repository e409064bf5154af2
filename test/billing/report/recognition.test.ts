import assert from "node:assert/strict";
import * as fc from "fast-check";

import {
  recognisedWithin,
  standingAt,
  type Earning,
} from "../../../src/billing/report/recognition.ts";
import { fenOf, perMille, rounded, split, vatIn } from "../../../src/billing/report/sums.ts";

/** Day by day, as a person would do it with a pencil. */
function byHand({ amountFen, payDay, firstDay, endDay, refunds }: Earning, last: number) {
  let earned = 0n;
  let left = amountFen;
  /** What is earned in a straight line from `from` on, and how much of it was earned so far. */
  let line = { from: firstDay, whole: amountFen, done: 0n };
  for (let day = payDay; day <= last; day++) {
    const back = refunds.filter((refund) => refund.day === day);
    if (back.length > 0) {
      const amount = back.reduce((total, refund) => total + refund.amountFen, 0n);
      const deferred = left - earned;
      left -= amount;
      if (amount > deferred) earned -= amount - deferred;
      const whole = amount > deferred ? 0n : deferred - amount;
      line = { from: Math.max(day, firstDay), whole, done: 0n };
    }
    if (day < line.from || day >= endDay) continue;
    const due = (line.whole * BigInt(day - line.from + 1)) / BigInt(endDay - line.from);
    earned += due - line.done;
    line.done = due;
  }
  return last < payDay
    ? { recognisedFen: 0n, deferredFen: 0n }
    : { recognisedFen: earned, deferredFen: left - earned };
}

/** Orders whose refunds are no more than was paid, before, within and after their days. */
const orders: fc.Arbitrary<Earning> = fc
  .record({
    amountFen: fc.bigInt(1n, 1_000_000n),
    payDay: fc.integer({ min: 0, max: 20 }),
    wait: fc.integer({ min: 0, max: 40 }),
    length: fc.integer({ min: 1, max: 70 }),
    parts: fc.array(fc.record({ after: fc.integer({ min: 0, max: 130 }), share: fc.nat(60) }), {
      maxLength: 4,
    }),
  })
  .map(({ amountFen, payDay, wait, length, parts }) => {
    let left = amountFen;
    const refunds = parts.flatMap(({ after, share }) => {
      const part = (amountFen * BigInt(share)) / 60n;
      const paidBack = part < left ? part : left;
      left -= paidBack;
      return paidBack === 0n ? [] : [{ day: payDay + after, amountFen: paidBack }];
    });
    const firstDay = payDay + wait;
    return { amountFen, payDay, firstDay, endDay: firstDay + length, refunds };
  });

describe("earned revenue", () => {
  it("is, on every day, what a pencil gives day by day", () => {
    fc.assert(
      fc.property(orders, fc.integer({ min: -2, max: 220 }), (order, day) => {
        assert.deepEqual(standingAt(order, day), byHand(order, day));
      }),
      { numRuns: 500 },
    );
  });

  it("comes, over an order's life, to exactly what was paid and not paid back", () => {
    fc.assert(
      fc.property(orders, (order) => {
        const kept = order.refunds.reduce(
          (left, refund) => left - refund.amountFen,
          order.amountFen,
        );
        assert.deepEqual(standingAt(order, 1_000), { recognisedFen: kept, deferredFen: 0n });
      }),
    );
  });

  it("of a range of days is the sum of its days, and what is deferred never falls below zero", () => {
    fc.assert(
      fc.property(orders, fc.integer({ min: 0, max: 100 }), fc.nat(60), (order, first, length) => {
        let total = 0n;
        for (let day = first; day < first + length; day++) {
          total += recognisedWithin(order, day, day + 1);
          assert.ok(standingAt(order, day).deferredFen >= 0n);
        }
        assert.equal(recognisedWithin(order, first, first + length), total);
      }),
    );
  });

  it("of 9,900 fen over 31 days is 319 or 320 fen a day", () => {
    const order = { amountFen: 9_900n, payDay: 0, firstDay: 0, endDay: 31, refunds: [] };
    const days = Array.from({ length: 31 }, (_, day) => recognisedWithin(order, day, day + 1));
    assert.deepEqual([...new Set(days.map(String))].toSorted(), ["319", "320"]);
  });
});

describe("sums of reports", () => {
  it("contain the VAT that makes the rest and its tax the whole again", () => {
    assert.equal(vatIn(10_600n, 600n), 600n);
    assert.equal(vatIn(9_900n, 600n), 560n);
    assert.equal(vatIn(-9_900n, 600n), -560n);
    assert.equal(vatIn(123n, 0n), 0n);
  });

  it("round half up to a fen, half away from zero for VAT", () => {
    assert.deepEqual([4_999n, 5_000n, -5_000n, -5_001n].map(fenOf), [0n, 1n, 0n, -1n]);
    assert.deepEqual([rounded(5n, 10n), rounded(-5n, 10n), rounded(4n, 10n)], [1n, -1n, 0n]);
  });

  it("know shares in thousandths, rounded down, and none of nothing", () => {
    assert.equal(perMille(1n, 3n), 333n);
    assert.equal(perMille(-1n, 3n), -334n);
    assert.equal(perMille(1n, -3n), -334n);
    assert.equal(perMille(1n, 0n), null);
  });

  it("split an amount into parts that are its sum, none off by a whole fen", () => {
    const weights = fc.uniqueArray(fc.tuple(fc.string({ maxLength: 3 }), fc.bigInt(0n, 1_000n)), {
      selector: ([name]) => name,
      minLength: 1,
    });
    fc.assert(
      fc.property(fc.bigInt(-100_000n, 100_000n), weights, (amount, given) => {
        const whole = given.reduce((total, [, weight]) => total + weight, 0n);
        const parts = split(amount, given);
        if (whole === 0n) return assert.equal(parts.size, 0);
        assert.equal(
          [...parts.values()].reduce((total, part) => total + part, 0n),
          amount,
        );
        for (const [name, weight] of given) {
          const off = parts.get(name)! * whole - amount * weight;
          assert.ok(off > -whole && off < whole);
        }
      }),
    );
  });

  it("give what rounding leaves to the largest remainders, the first name where they are equal", () => {
    const parts = split(5n, [
      ["b", 1n],
      ["a", 1n],
      ["c", 1n],
    ]);
    assert.deepEqual(Object.fromEntries(parts), { a: 2n, b: 2n, c: 1n });
  });
});
