/**
 * Two recomputations of docs/finance.md that share nothing, with each other or with what makes reports, come to the same
 * as the service's reports: every figure of every day of a seeded year, of its months and of its year, to the fen.
 */
import assert from "node:assert/strict";
import { DAY_MS } from "../../src/billing/clock.ts";
import { createIdSource, type UserId } from "../../src/billing/id.ts";
import type { ReportDocument } from "../../src/billing/report/document.ts";
import type { ReportKey } from "../../src/billing/report/report.ts";
import { openReports, type RunningReports } from "../../src/reports.ts";
import { command } from "../support/bank.ts";
import { cohortsInTypeScript } from "../support/finance/plain-cohorts.ts";
import { periodFrom, type NamedPart } from "../support/finance/plain-periods.ts";
import { dayInSql } from "../support/finance/plain-sql.ts";
import {
  dayInTypeScript,
  readPlainBooks,
  type PlainBooks,
} from "../support/finance/plain-typescript.ts";
import { userInTypeScript } from "../support/finance/plain-user.ts";
import { dayNumberOf, type Recomputed } from "../support/finance/recomputed.ts";
import { openSmallYear, type SmallYear } from "../support/finance/small-year.ts";
import { flavours } from "../support/servers.ts";

const RATES = { vatBasisPoints: 600n };

for (const flavour of flavours()) {
  describe(`reports recomputed on ${flavour}`, () => {
    let year: SmallYear;
    let books: PlainBooks;
    let reports: RunningReports;
    before(async () => {
      year = await openSmallYear(flavour);
      // Reports of a month look at all of its days.
      books = await readPlainBooks(year.sql, RATES, "2026-01-31");
      const context = { ids: createIdSource(Math.random), timeOf: (ms: number) => ms };
      const { orm, url } = year;
      reports = await openReports({ database: { url }, orm, context, ...RATES });
    });
    after(async () => {
      await reports.close();
      await year.close();
    });

    const made = async (key: ReportKey): Promise<Recomputed> => {
      const { reportId } = await reports.maker.generate(command(key));
      return flat((await reports.reader.findReport(reportId!))!.document);
    };
    const day = (date: string): NamedPart => {
      return { name: date, recomputed: dayInTypeScript(books, date) };
    };
    const month = (name: string): NamedPart => {
      return { name, recomputed: periodFrom(datesOf(name).map(day), "series.days") };
    };

    it("come to the same in SQL and in TypeScript, on every day", async () => {
      for (const { date } of year.days) {
        assert.deepEqual(await dayInSql(year.sql, date, RATES), dayInTypeScript(books, date), date);
      }
    });

    it("are the same for any day alone, from whichever kept day what users had is counted on", async () => {
      const preview = async (date: string, reader: RunningReports = reports) => {
        const key = { period: "DAILY", date } as const;
        const { document } = await reader.maker.generate({ ...command(key), validateOnly: true });
        assert.deepEqual(flat(document!), dayInTypeScript(books, date), date);
      };
      const [first, , early, , , middle] = year.days.map(({ date }) => date);
      const late = year.days.at(-3)!.date;
      // Nothing is kept: from the first movement on, or back from now, whichever is nearer to a clock.
      const orders = [first!, early!, middle!, late];
      for (const date of orders) await preview(date);
      const { orm, url } = year;
      const shiftMs = Date.parse(`${late}T00:00:00+08:00`) + 10 * DAY_MS - Date.now();
      const context = { ids: createIdSource(Math.random), timeOf: (ms: number) => ms + shiftMs };
      const then = await openReports({ database: { url }, orm, context, ...RATES });
      try {
        for (const date of orders) await preview(date, then);
      } finally {
        await then.close();
      }
      // With a gap of days to the one that is kept.
      await made({ period: "DAILY", date: early! });
      for (const date of orders.filter((each) => each !== early)) await preview(date);
    });

    it("leave nothing over: balances move by what a day says, and tables add up to their figures", () => {
      let deferred = 0n;
      let liability = 0n;
      for (const { date } of year.days) {
        const { figures, tables } = dayInTypeScript(books, date);
        const of = (id: string) => figures[id]!;
        const total = (id: string, at: number) =>
          tables[id]!.reduce((sum, row) => sum + (row[at] as bigint), 0n);
        deferred += of("revenue.net") - of("revenue.recognised");
        assert.equal(of("revenue.deferred"), deferred, date);
        liability += of("quota.granted") - of("quota.used") + of("quota.refunded_after_use");
        liability -= of("quota.lapsed") + of("quota.revoked");
        assert.equal(of("quota.liability"), liability, date);
        assert.equal(total("revenue.products", 2), of("revenue.sales"), date);
        assert.equal(total("revenue.products", 3), of("revenue.refunded"), date);
        assert.equal(total("costs.services", 3), of("costs.vendors"), date);
        assert.equal(total("margin.plans", 1), of("revenue.recognised"), date);
        assert.equal(total("margin.plans", 2), of("costs.vendors"), date);
        assert.equal(total("margin.features", 2), of("quota.used"), date);
        const shared = of("quota.used") > 0n ? of("margin.earned") : 0n;
        assert.equal(total("margin.features", 5), shared, date);
      }
    });

    it("look at days of every kind", () => {
      const all = year.days.map(({ date }) => dayInTypeScript(books, date).figures);
      const kinds: Record<string, (figures: (typeof all)[number]) => boolean> = {
        "a day without anything": (figures) =>
          Object.values(figures).every((value) => value === 0n || value === null),
        "a bill that is missing": (figures) => figures["costs.bills_missing"] === 1n,
        "a day with fees": (figures) => figures["costs.payment_fees"]! > 0n,
        "a day on which quota lapsed": (figures) => figures["quota.lapsed"]! > 0n,
        "a day on which quota was taken back": (figures) => figures["quota.revoked"]! > 0n,
        "money that nothing is given for": (figures) => figures["revenue.unowed_received"]! > 0n,
        "and that went back": (figures) => figures["revenue.unowed_returned"]! > 0n,
      };
      for (const [kind, is] of Object.entries(kinds)) assert.ok(all.some(is), kind);
    });

    it("come to what the service reports, on every day", async () => {
      for (const { date } of year.days) {
        assert.deepEqual(await made({ period: "DAILY", date }), day(date).recomputed, date);
      }
    });

    it("come to what the service reports of months and of a year, with the cohorts", async () => {
      for (const date of ["2025-12", "2026-01"]) {
        const { figures, tables } = month(date).recomputed;
        const cohorts = cohortsInTypeScript(books, datesOf(date));
        const recomputed = { figures, tables: { ...tables, "cohorts.months": cohorts } };
        assert.deepEqual(await made({ period: "MONTHLY", date }), recomputed, date);
        assert.ok(cohorts.length > 0, date);
      }
      const months = Array.from({ length: 12 }, (_, at) => month(`2025-${twoDigits(at + 1)}`));
      const days = months.flatMap(({ name }) => datesOf(name)).map(day);
      const recomputed = periodFrom(days, "series.months", months);
      assert.deepEqual(await made({ period: "YEARLY", date: "2025" }), recomputed);
    });

    it("come to what the service says of each user, in any range of days", async () => {
      const users = [...books.raw.steps.keys()] as UserId[];
      const dates = year.days.map(({ date }) => date);
      for (const [at, userId] of users.entries()) {
        const range = dates.slice(at % 20, 21 + (at % 19));
        const first = dayNumberOf(range[0]!);
        const said = await reports.reader.userProfit(userId, { first, end: first + range.length });
        assert.deepEqual(said, { userId, ...userInTypeScript(books, userId, range) }, userId);
      }
    });

    it("add up to the same from days as from months", () => {
      const months = ["2025-12", "2026-01"].map(month);
      const days = months.flatMap(({ name }) => datesOf(name)).map(day);
      assert.deepEqual(
        periodFrom(days, "series.months", months),
        periodFrom(months, "series.months"),
      );
    });
  });
}

/** A report without its order and its types. */
function flat({ sections }: ReportDocument): Recomputed {
  const figures = sections.flatMap((section) => section.figures);
  const tables = sections.flatMap((section) => section.tables);
  return {
    figures: Object.fromEntries(figures.map(({ id, value }) => [id, value])),
    tables: Object.fromEntries(tables.map(({ id, rows }) => [id, rows])),
  };
}

/** Every day of a month. */
function datesOf(month: string): string[] {
  const [year, number] = month.split("-").map(Number);
  const count = new Date(Date.UTC(year!, number, 0)).getUTCDate();
  return Array.from({ length: count }, (_, at) => `${month}-${twoDigits(at + 1)}`);
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
