import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  median,
  medianDeviation,
  perMilleOf,
  quantile,
  usualUpTo,
} from "../../../src/billing/alert/statistics.ts";

const amounts = fc.array(fc.bigInt(0n, 10n ** 12n), { minLength: 1, maxLength: 60 });

describe("robust statistics", () => {
  it("the median and the deviation from it are values that half of all don't exceed", () => {
    fc.assert(
      fc.property(amounts, (values) => {
        const middle = median(values);
        assert.ok(values.filter((value) => value <= middle).length * 2 >= values.length);
        assert.ok(values.filter((value) => value < middle).length * 2 <= values.length);
        const deviation = medianDeviation(values, middle);
        const near = values.filter((value) => {
          const away = value > middle ? value - middle : middle - value;
          return away <= deviation;
        });
        assert.ok(near.length * 2 >= values.length);
      }),
    );
    assert.deepEqual([median([]), median([3n, 1n, 2n]), median([4n, 1n])], [0n, 2n, 1n]);
  });

  it("what is usual never sinks below the floor, and a few wild days don't raise it", () => {
    const spread = { deviationsPerMille: 6_000n, marginPerMille: 1_500n, floor: 80n };
    const calm = Array.from({ length: 20 }, (_, at) => 100n + BigInt(at % 5));
    assert.equal(usualUpTo([], spread), 80n);
    assert.equal(usualUpTo([0n, 0n, 1n], spread), 80n);
    // Median 102, times 2.5: the history varies less than the margin.
    assert.equal(usualUpTo(calm, spread), 255n);
    const wild = calm.with(3, 1_000_000n).with(9, 1_000_000n);
    assert.ok(usualUpTo(wild, spread) <= 260n);
    // Deviation 40: 100 + 6 × 1.483 × 40.
    const varied = [60n, 60n, 100n, 140n, 140n];
    assert.equal(usualUpTo(varied, { ...spread, marginPerMille: 0n }), 100n + 354n);
  });

  it("a quantile of counted values is that of the values themselves", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ value: fc.bigInt(0n, 50n), count: fc.integer({ min: 1, max: 9 }) }), {
          minLength: 1,
          maxLength: 20,
        }),
        fc.integer({ min: 1, max: 1_000 }),
        (steps, perMille) => {
          const all = steps.flatMap(({ value, count }) => Array<bigint>(count).fill(value));
          all.sort((left, right) => Number(left - right));
          const place = Math.ceil((all.length * perMille) / 1_000) - 1;
          assert.equal(quantile(steps, perMille), all[place]);
        },
      ),
    );
    assert.equal(quantile([], 900), 0n);
  });

  it("a share of nothing is nothing", () => {
    assert.deepEqual(
      [perMilleOf(3n, 0n), perMilleOf(1n, 3n), perMilleOf(2n, 2n)],
      [0n, 333n, 1000n],
    );
  });
});
