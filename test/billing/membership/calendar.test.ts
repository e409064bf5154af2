import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { addMonths, shanghaiDay, shanghaiText } from "../../../src/billing/calendar.ts";

const ZONE = "Asia/Shanghai";
/** From 1992, after Shanghai's last daylight saving, on. */
const moments = fc.integer({ min: Date.UTC(1992, 0, 2), max: Date.UTC(2199, 11, 31) });

describe("the calendar of Asia/Shanghai", () => {
  it("adds months as Temporal does, at every moment", () => {
    fc.assert(
      fc.property(moments, fc.integer({ min: 0, max: 600 }), (ms, months) => {
        const there = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(ZONE);
        assert.equal(addMonths(ms, months), there.add({ months }).epochMilliseconds);
      }),
      { numRuns: 2_000 },
    );
  });

  it("ends the months of the 29th, 30th and 31st right, leap years too", () => {
    const at = (text: string) => Date.parse(`${text}T23:59:59.999+08:00`);
    const cases = [
      ["2027-01-31", 1, "2027-02-28"],
      ["2028-01-31", 1, "2028-02-29"],
      ["2028-02-29", 12, "2029-02-28"],
      ["2027-01-31", 2, "2027-03-31"],
      ["2027-08-31", 1, "2027-09-30"],
      ["2026-11-30", 3, "2027-02-28"],
      ["2027-12-31", 0, "2027-12-31"],
      ["2099-12-31", 2, "2100-02-28"],
    ] as const;
    for (const [from, months, to] of cases) assert.equal(addMonths(at(from), months), at(to), from);
  });

  it("judges the day by Shanghai's midnight, not by UTC's", () => {
    // 00:30 on the 1st of February there is 16:30 on the 31st of January in UTC.
    const first = Date.parse("2027-02-01T00:30:00+08:00");
    assert.equal(addMonths(first, 1), Date.parse("2027-03-01T00:30:00+08:00"));
    assert.equal(shanghaiDay(first), "2027-02-01");
  });

  it("goes on with every month that is added, whatever the moment", () => {
    fc.assert(
      fc.property(moments, fc.integer({ min: 0, max: 240 }), (ms, months) => {
        assert.ok(addMonths(ms, months + 1) > addMonths(ms, months));
      }),
    );
  });

  it("writes moments and days as Temporal does", () => {
    fc.assert(
      fc.property(moments, (ms) => {
        const there = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(ZONE);
        assert.equal(shanghaiDay(ms), there.toPlainDate().toString());
        const options = { smallestUnit: "second", timeZoneName: "never" } as const;
        assert.equal(shanghaiText(ms), there.toString(options));
      }),
    );
  });
});
