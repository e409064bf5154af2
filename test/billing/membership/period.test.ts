import assert from "node:assert/strict";
import * as fc from "fast-check";
import { addMonths } from "../../../src/billing/calendar.ts";
import type { Rollover } from "../../../src/billing/catalog/plan.ts";
import { DAY_MS } from "../../../src/billing/clock.ts";
import { extend } from "../../../src/billing/membership/period.ts";
import { MONTH } from "../order/shop.ts";

const NOW = Date.parse("2027-01-31T10:00:00+08:00");
const NOBODY = {
  onTrial: false,
  membershipUntilMs: null,
  membershipAnchorMs: null,
  membershipAnchorMonths: 0,
};
const DAYS = { ...MONTH, periodMonths: 0, periodDays: 7 };

/** The user after a purchase, as far as the next one looks. */
const after = ({ endMs, anchorMs, anchorMonths }: ReturnType<typeof extend>) => ({
  onTrial: false,
  membershipUntilMs: endMs,
  membershipAnchorMs: anchorMs,
  membershipAnchorMonths: anchorMonths,
});

describe("the periods of a purchase", () => {
  it("begin now after a trial and after a lapse, and at the end of a paid time that runs", () => {
    const trial = { ...NOBODY, onTrial: true, membershipUntilMs: NOW + DAY_MS };
    const lapsed = { ...NOBODY, membershipUntilMs: NOW };
    const paid = { ...NOBODY, membershipUntilMs: NOW + 1 };
    assert.equal(extend(trial, MONTH, 1, NOW).startMs, NOW);
    assert.equal(extend(lapsed, MONTH, 1, NOW).startMs, NOW);
    assert.equal(extend(paid, MONTH, 1, NOW).startMs, NOW + 1);
    assert.equal(extend(NOBODY, MONTH, 1, NOW).startMs, NOW);
  });

  it("keep quota by the plan's rollover rule, counted by the same calendar", () => {
    const ends = (rollover: Rollover, plan = MONTH) =>
      extend(NOBODY, { ...plan, rollover }, 2, NOW).periods.map(({ quotaEndMs }) => quotaEndMs);
    assert.deepEqual(ends("NONE"), [addMonths(NOW, 1), addMonths(NOW, 2)]);
    assert.deepEqual(ends("ONE_PERIOD"), [addMonths(NOW, 2), addMonths(NOW, 3)]);
    assert.deepEqual(ends("UNTIL_USED"), [null, null]);
    assert.deepEqual(ends("NONE", DAYS), [NOW + 7 * DAY_MS, NOW + 14 * DAY_MS]);
    assert.deepEqual(ends("ONE_PERIOD", DAYS), [NOW + 14 * DAY_MS, NOW + 21 * DAY_MS]);
  });

  it("run by days of 24 hours where the plan does, and leave no anchor behind", () => {
    const bought = extend(NOBODY, DAYS, 3, NOW);
    assert.equal(bought.endMs, NOW + 21 * DAY_MS);
    assert.deepEqual([bought.anchorMs, bought.anchorMonths], [null, 0]);
    const month = extend(after(bought), MONTH, 1, NOW);
    assert.equal(month.endMs, addMonths(bought.endMs, 1), "months begin a count of their own");
  });

  it("follow each other without gap or overlap, however the months are bought", () => {
    const parts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 });
    const moment = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2040, 0, 1) });
    fc.assert(
      fc.property(parts, moment, (quantities, nowMs) => {
        let user: Parameters<typeof extend>[0] = NOBODY;
        const periods = quantities.flatMap((quantity) => {
          const bought = extend(user, MONTH, quantity, nowMs);
          user = after(bought);
          return bought.periods;
        });
        const whole = extend(NOBODY, MONTH, periods.length, nowMs);
        assert.deepEqual(periods, whole.periods, "as if all were bought at once");
        for (const [at, { startMs, endMs }] of periods.entries()) {
          assert.equal(startMs, addMonths(nowMs, at));
          assert.equal(endMs, addMonths(nowMs, at + 1));
        }
      }),
    );
  });

  it("never end before what was paid for, in whatever order plans are mixed", () => {
    const purchase = fc.record({
      plan: fc.constantFrom(MONTH, DAYS, { ...MONTH, periodMonths: 12 }),
      quantity: fc.integer({ min: 1, max: 3 }),
      waitMs: fc.integer({ min: 0, max: 60 * DAY_MS }),
    });
    fc.assert(
      fc.property(fc.array(purchase, { maxLength: 10 }), (purchases) => {
        let user: Parameters<typeof extend>[0] = NOBODY;
        let nowMs = NOW;
        for (const { plan, quantity, waitMs } of purchases) {
          nowMs += waitMs;
          const bought = extend(user, plan, quantity, nowMs);
          const isRunning = user.membershipUntilMs !== null && user.membershipUntilMs > nowMs;
          assert.equal(bought.startMs, isRunning ? user.membershipUntilMs : nowMs);
          const least = plan.periodMonths === 0 ? 7 : 28 * plan.periodMonths;
          assert.ok(bought.endMs - bought.startMs >= quantity * least * DAY_MS);
          user = after(bought);
        }
      }),
    );
  });
});
