import assert from "node:assert/strict";
import * as fc from "fast-check";

import {
  dayNumber,
  dayOf,
  daysOf,
  dayStartMs,
  dayText,
  periodOf,
} from "../../../src/billing/report/days.ts";

describe("days of Asia/Shanghai", () => {
  it("begin and end at midnight there, to the millisecond", () => {
    const midnight = Date.parse("2026-12-31T16:00:00Z");
    assert.equal(dayText(dayNumber(midnight)), "2027-01-01");
    assert.equal(dayText(dayNumber(midnight - 1)), "2026-12-31");
    assert.equal(dayStartMs(dayOf("2027-01-01")), midnight);
  });

  it("make months and years that follow each other without a gap", () => {
    fc.assert(
      fc.property(fc.integer({ min: -10_000, max: 40_000 }), (day) => {
        for (const period of ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"] as const) {
          const { first, end } = daysOf(period, periodOf(period, day));
          assert.ok(first <= day && day < end, `${period} ${day}`);
          const next = daysOf(period, periodOf(period, end));
          assert.equal(next.first, end);
        }
      }),
    );
  });

  it("make weeks as ISO 8601 has them, over the ends of years too", () => {
    const weeks = [
      "2026-01-01",
      "2026-12-31",
      "2027-01-03",
      "2027-01-04",
      "2024-12-30",
      "2016-01-03",
    ];
    assert.deepEqual(
      weeks.map((day) => periodOf("WEEKLY", dayOf(day))),
      ["2026-W01", "2026-W53", "2026-W53", "2027-W01", "2025-W01", "2015-W53"],
    );
    const { first, end } = daysOf("WEEKLY", "2026-W48");
    assert.deepEqual([dayText(first), dayText(end - 1)], ["2026-11-23", "2026-11-29"]);
  });
});
