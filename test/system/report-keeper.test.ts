import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { MikroORM } from "@mikro-orm/mysql";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/billing/clock.ts";
import { dayNumber, dayOf, dayStartMs, dayText } from "../../src/billing/report/days.ts";
import { valueOf } from "../../src/billing/report/document.ts";
import type { ReportKey, TodaySoFar } from "../../src/billing/report/report.ts";
import { dueDays, periodsEndingOn, type ReportObserver } from "../../src/job/report-keeper.ts";
import type { TodayObserver } from "../../src/job/today-watch.ts";
import { dailyAt, openReportClock } from "../../src/queue/report-clock.ts";
import { openReports, type RunningReports } from "../../src/reports.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { command, openBank, unique, type Bank } from "../support/bank.ts";
import { flavours, sharedRedis } from "../support/servers.ts";

const TIME_OF_DAY_MS = 10 * HOUR_MS + 30 * MINUTE_MS;

describe("reports that are due", () => {
  const at = (text: string) => Date.parse(`${text}+08:00`);
  const due = (now: string, last: string | null) =>
    dueDays(at(now), TIME_OF_DAY_MS, last === null ? null : dayOf(last)).map(dayText);

  it("are yesterday's, from half past ten in Shanghai on and not a millisecond before", () => {
    assert.deepEqual(due("2026-03-01T10:29:59.999", "2026-02-27"), []);
    assert.deepEqual(due("2026-03-01T10:30:00", "2026-02-27"), ["2026-02-28"]);
    assert.deepEqual(due("2026-03-01T23:59:59", "2026-02-28"), []);
    assert.deepEqual(due("2026-03-01T10:30:00", null), ["2026-02-28"]);
  });

  it("are all days that were missed, over a year's end too", () => {
    assert.deepEqual(due("2027-01-02T12:00:00", "2026-12-29"), [
      "2026-12-30",
      "2026-12-31",
      "2027-01-01",
    ]);
  });

  it("are no more than some four hundred after a silence of years", () => {
    assert.equal(due("2026-03-01T12:00:00", "2020-01-01").length, 400);
  });

  it("bring a week's, a month's and a year's with their last day", () => {
    const ending = (day: string) => periodsEndingOn(dayOf(day)).map(({ date }) => date);
    assert.deepEqual(ending("2026-02-28"), ["2026-02"]);
    assert.deepEqual(ending("2028-02-28"), []);
    assert.deepEqual(ending("2026-12-31"), ["2026-12", "2026"]);
    assert.deepEqual(ending("2026-05-31"), ["2026-W22", "2026-05"]);
    assert.deepEqual(ending("2027-01-03"), ["2026-W53"]);
  });
});

for (const flavour of flavours()) {
  describe(`reports made when it is their time, ${flavour}`, () => {
    let bank: Bank;
    let orm: MikroORM;
    let servers: RunningReports[];
    const made: { key: ReportKey; unchanged: boolean }[] = [];
    const faults: unknown[] = [];
    const told: TodaySoFar[] = [];
    const observer: ReportObserver & TodayObserver = {
      made: (key, unchanged) => void made.push({ key, unchanged }),
      failed: (_key, fault) => void faults.push(fault),
      today: (soFar) => void told.push(soFar),
      todayFailed: (fault) => void faults.push(fault),
    };
    before(async () => {
      bank = await openBank(flavour);
      orm = await openOrm({ url: bank.url, poolMax: 8 });
      const { context } = bank;
      const options = { database: { url: bank.url }, orm, context, vatBasisPoints: 600n };
      servers = await Promise.all([openReports(options), openReports(options)]);
      await bank.member(10);
    });
    after(async () => {
      for (const server of servers) await server.close();
      await closeOrm(orm);
      await bank.close();
    });

    const nowMs = () => bank.context.timeOf(Date.now());
    const kept = async () =>
      (
        await bank.sql(
          "select date, count(*) as n from billing_reports where period = 'DAILY' group by date order by date",
        )
      ).map((row) => [row["date"], Number(row["n"])]);
    const until = async (isDone: () => Promise<boolean>) => {
      while (!(await isDone())) await sleep(20);
    };

    it("each day once, by two servers, and those that were missed while none ran", async () => {
      // Noon in Shanghai, some days on, with the first of them made by hand.
      const start = dayNumber(nowMs());
      bank.advance(dayStartMs(start + 1) + 12 * HOUR_MS - nowMs());
      const first = command({ period: "DAILY", date: dayText(start) } as const);
      await servers[0]!.maker.generate(first);
      bank.advance(4 * DAY_MS);
      for (const server of servers) {
        server.schedule({ timeOfDayMs: TIME_OF_DAY_MS, observer, lookMs: 20 });
      }
      const wanted = [0, 1, 2, 3, 4].map((at) => [dayText(start + at), 1]);
      await until(async () => (await kept()).length >= wanted.length);
      await sleep(200);
      assert.deepEqual(await kept(), wanted);
      const days = made.filter(({ key, unchanged }) => key.period === "DAILY" && !unchanged);
      assert.deepEqual(
        days.map(({ key }) => key.date),
        wanted.slice(1).map(([date]) => date),
      );
      const ends = wanted.flatMap(([date]) => periodsEndingOn(dayOf(date as string)));
      const [months] = await bank.sql(
        "select count(*) as n from billing_reports where period <> 'DAILY'",
      );
      assert.equal(Number(months!["n"]), ends.length);
      assert.deepEqual(faults, []);
    });

    it("a day that something came late for gets a new version with the next day's", async () => {
      const yesterday = dayNumber(nowMs()) - 1;
      const [{ n } = { n: 0 }] = await bank.sql(
        `select count(*) as n from billing_reports where date = '${dayText(yesterday)}'`,
      );
      assert.equal(Number(n), 1);
      const occurTime = new Date(nowMs() - DAY_MS).toISOString().replace("T", " ").slice(0, 23);
      await bank.sql(`insert into vendor_costs values ('${unique("cst_")}', 'b', 'v', 's', null, null, null, null,
        null, '', 10000, '${dayText(yesterday)}', '${occurTime}', null, now(3))`);
      bank.advance(DAY_MS);
      const versions = async () =>
        (await kept()).filter(([, count]) => count === 2).map(([date]) => date);
      await until(async () => (await versions()).length > 0);
      assert.deepEqual(await versions(), [dayText(yesterday)]);
    });

    it("today's figures are told by one of two servers at a time, as often as is set", async () => {
      const [, other] = servers;
      assert.deepEqual(told, [], "not before the interval is over");
      const third = await openReports({
        database: { url: bank.url },
        orm,
        context: bank.context,
        vatBasisPoints: 600n,
      });
      servers.push(third);
      const today = dayText(dayNumber(nowMs()));
      const now = new Date(nowMs()).toISOString().replace("T", " ").slice(0, 23);
      await bank.sql(`insert into vendor_costs values ('${unique("cst_")}', 'b', 'v', 's', null, null, null, null,
        null, '', 20000, '${today}', '${now}', null, now(3))`);
      const times = { timeOfDayMs: TIME_OF_DAY_MS, observer, lookMs: 60_000, todayIntervalMs: 50 };
      third.schedule(times);
      other!.schedule(times);
      const beganMs = Date.now();
      await until(async () => told.length >= 3);
      const most = Math.ceil((Date.now() - beganMs) / times.todayIntervalMs) + 1;
      assert.ok(told.length <= most, `${told.length} times, where ${most} is the most`);
      for (const { date, document } of told) {
        assert.equal(date, today);
        assert.equal(valueOf(document, "costs.vendors"), 20_000n);
      }
      assert.deepEqual(faults, []);
    });
  });
}

describe("the bell for reports", () => {
  it("rings once at its time, whichever of two servers hears it", async () => {
    const { url } = await sharedRedis();
    const prefix = unique("bell");
    const rung: number[] = [];
    const failed = (fault: unknown) => assert.fail(String(fault));
    const beganMs = Date.now();
    const ring = () => void rung.push(Math.floor(Date.now() / 1_000));
    const clocks = [0, 1].map(() =>
      openReportClock({ url, prefix, pattern: "* * * * * *", ring, failed }),
    );
    while (rung.length < 3) await sleep(20);
    await Promise.all(clocks.map((clock) => clock.close()));
    const seconds = Math.floor(Date.now() / 1_000) - Math.floor(beganMs / 1_000) + 1;
    assert.ok(rung.length <= seconds, `${rung.length} times in ${seconds} s`);
  });

  it("rings at half past ten for a day that is due then", () => {
    assert.equal(dailyAt(TIME_OF_DAY_MS), "30 10 * * *");
    assert.equal(dailyAt(0), "0 0 * * *");
  });

  it("that Redis isn't there for holds up nothing when it's put away", async () => {
    const clock = openReportClock({
      url: "redis://127.0.0.1:1/",
      pattern: dailyAt(0),
      ring: () => assert.fail("it can't ring"),
      failed: () => undefined,
    });
    await clock.close();
  });
});
