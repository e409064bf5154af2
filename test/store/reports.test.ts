import assert from "node:assert/strict";
import type { MikroORM } from "@mikro-orm/mysql";
import { DAY_MS } from "../../src/billing/clock.ts";
import { EVENTS } from "../../src/billing/event-types.ts";
import { dayNumber, daysOf, dayText, periodOf } from "../../src/billing/report/days.ts";
import {
  figureOf,
  tableOf,
  valueOf,
  type ReportDocument,
} from "../../src/billing/report/document.ts";
import { listReportRows } from "../../src/billing/report/figure-rows.ts";
import { FIGURES } from "../../src/billing/report/figures.ts";
import type { ReportKey, StoredReport } from "../../src/billing/report/report.ts";
import type { PackId, PlanId, RefundId, UserId } from "../../src/billing/id.ts";
import { openReports, type RunningReports } from "../../src/reports.ts";
import { createCostBooks } from "../../src/store/cost-books.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { command, openBank, type Bank } from "../support/bank.ts";
import { makeLedgerWorld, tillOf } from "../support/ledger-world.ts";
import { flavours } from "../support/servers.ts";

for (const flavour of flavours()) {
  describe(`reports on ${flavour}`, () => {
    let bank: Bank;
    let orm: MikroORM;
    let reports: RunningReports;
    let buyer: UserId;
    /** Days with something in them, and the one after. */
    let days: number[];
    before(async () => {
      bank = await openBank(flavour);
      orm = await openOrm({ url: bank.url, poolMax: 4 });
      const { context } = bank;
      reports = await openReports({
        database: { url: bank.url },
        orm,
        context,
        vatBasisPoints: 600n,
      });
      const first = dayNumber(Date.now());
      const world = await makeLedgerWorld(bank);
      buyer = world.buyer;
      const till = tillOf(bank);
      await till.bought(world.user, { planId: "membership-monthly" as PlanId });
      const automatic = await bank.sql(
        "select refund_id, user_id from refunds where automatic = 1",
      );
      for (const row of automatic) {
        await till.told(row["user_id"] as UserId, row["refund_id"] as RefundId, "SUCCESS");
      }
      const costs = createCostBooks(orm, context);
      const nowMs = context.timeOf(Date.now());
      const cost = {
        service: "gpu",
        quantity: null,
        unit: "",
        reservationId: null,
        externalId: null,
      };
      const some = [0, 1, 2].flatMap((at) =>
        [buyer, world.user, null].map((userId) => ({
          ...cost,
          vendor: `vendor-${at}`,
          userId,
          featureId: null,
          taskId: null,
          amountMicroYuan: BigInt(1_234_567 * (at + 1)),
          occurTimeMs: nowMs - at * DAY_MS,
        })),
      );
      await costs.recordCosts(command(some));
      const last = dayNumber(nowMs);
      bank.advance(2 * DAY_MS);
      days = Array.from({ length: last - first + 2 }, (_, at) => first + at);
    });
    after(async () => {
      await reports.close();
      await closeOrm(orm);
      await bank.close();
    });

    const generate = async (key: ReportKey, more: { key?: string; validateOnly?: boolean } = {}) =>
      reports.maker.generate(command(key, more));
    const made = async (key: ReportKey): Promise<StoredReport> => {
      const { reportId } = await generate(key);
      return (await reports.reader.findReport(reportId!))!;
    };
    const daily = (day: number) => made({ period: "DAILY", date: dayText(day) });
    const all = { after: null, limit: 10_000 };

    it("every figure of every day is the sum of the ledgers' rows that it is said to be made of", async () => {
      const seen = new Set<string>();
      for (const day of days) {
        const { document, reportId } = await daily(day);
        for (const { id, type } of FIGURES) {
          const rows = await listReportRows(reports.reader, reportId, id, all);
          if (type === "PER_MILLE" || rows[0]?.source === "figure") {
            if (rows[0]?.rowId !== "") continue;
          }
          const total = rows.reduce((sum, { amount }) => sum + amount, 0n);
          assert.equal(total, valueOf(document, id), `${id} of ${dayText(day)}`);
          if (total !== 0n) seen.add(id);
        }
      }
      // The world has one of everything that can happen, so that nothing is equal for being nothing.
      const missing = FIGURES.map(({ id }) => id).filter((id) => !seen.has(id));
      assert.deepEqual(
        missing.filter((id) => !/^(costs|margin)\.|\.(net|vat|recognised_vat)$/.test(id)),
        [],
      );
    });

    it("balances at the end are what users have, and a day's change is what moved on it", async () => {
      const [now] = await bank.sql(`select sum(quota_remaining + quota_held) as quota,
        sum(membership_state = 'ACTIVE') as active, sum(membership_state = 'TRIAL') as trial from users`);
      let before = 0n;
      for (const day of days) {
        const { document } = await daily(day);
        const of = (name: string) => valueOf(document, `quota.${name}`);
        const moved =
          of("granted") - of("used") + of("refunded_after_use") - of("lapsed") - of("revoked");
        assert.equal(of("liability"), before + moved, dayText(day));
        before = of("liability");
      }
      const { document } = await daily(days.at(-1)!);
      assert.equal(valueOf(document, "quota.liability"), BigInt(now!["quota"] as string));
      assert.equal(valueOf(document, "members.active"), BigInt(now!["active"] as string));
      assert.equal(valueOf(document, "members.trial"), BigInt(now!["trial"] as string));
    });

    it("money is earned or deferred, and none is lost between them", async () => {
      let [net, recognised] = [0n, 0n];
      for (const day of days) {
        const { document } = await daily(day);
        net += valueOf(document, "revenue.net");
        recognised += valueOf(document, "revenue.recognised");
        assert.equal(valueOf(document, "revenue.deferred"), net - recognised, dayText(day));
        const plans = tableOf(document, "margin.plans")!.rows;
        const byPlan = plans.reduce((sum, [, earned]) => sum + (earned as bigint), 0n);
        assert.equal(byPlan, valueOf(document, "revenue.recognised"));
        const services = tableOf(document, "costs.services")!.rows;
        const byService = services.reduce((sum, row) => sum + (row[3] as bigint), 0n);
        assert.equal(byService, valueOf(document, "costs.vendors"));
      }
      assert.notEqual(net, 0n);
    });

    it("a month is the sum of its days, and a year that of all, to the fen", async () => {
      const byMonth = Map.groupBy(days, (day) => dayText(day).slice(0, 7));
      for (const date of byMonth.keys()) {
        const month = await made({ period: "MONTHLY", date });
        const own = await reports.reader.listDays({
          first: dayNumber(Date.parse(`${date}-01T00:00:00+08:00`)),
          end: days.at(-1)! + 1,
        });
        const stored = own.filter((report) => report.date.startsWith(date));
        for (const { id, kind } of FIGURES) {
          if (kind === "RATIO") continue;
          const values = stored.map(({ document }) => figureOf(document, id).value);
          const known = values.filter((value) => value !== null);
          const sum = known.reduce((total, value) => total + value, 0n);
          const wanted = kind === "BALANCE" ? values.at(-1)! : known.length === 0 ? null : sum;
          assert.equal(figureOf(month.document, id).value, wanted, `${id} of ${date}`);
        }
        const rows = await listReportRows(reports.reader, month.reportId, "revenue.sales", all);
        const total = rows.reduce((sum, { amount }) => sum + amount, 0n);
        assert.equal(total, valueOf(month.document, "revenue.sales"));
        assert.equal(tableOf(month.document, "series.days")!.rows.length, stored.length);
      }
      const years = new Set(days.map((day) => dayText(day).slice(0, 4)));
      let sales = 0n;
      for (const date of years) {
        const { document } = await made({ period: "YEARLY", date });
        sales += valueOf(document, "revenue.sales");
      }
      const [paid] = await bank.sql(
        "select sum(amount_fen) as total from payments where disposition = 'GRANTED'",
      );
      assert.equal(sales, BigInt(paid!["total"] as string));
    });

    it("a week is the sum of its days, says what stands open, and is told of once a version", async () => {
      const date = periodOf("WEEKLY", days[7]!);
      const { first, end } = daysOf("WEEKLY", date);
      const week = await made({ period: "WEEKLY", date });
      const own = await reports.reader.listDays({ first, end });
      assert.equal(own.length, 7);
      for (const id of ["revenue.recognised", "quota.used", "costs.vendors"]) {
        const sum = own.reduce((total, { document }) => total + valueOf(document, id), 0n);
        assert.equal(valueOf(week.document, id), sum, id);
      }
      const [held] = await bank.sql(
        "select count(*) as n from quota_reservations where state = 'HELD'",
      );
      assert.ok(Number(held!["n"]) > 0);
      assert.equal(valueOf(week.document, "health.overdue_holds"), BigInt(held!["n"] as string));
      await made({ period: "WEEKLY", date });
      const told = await bank.sql(
        "select subject, payload from outbox_events where type = 'report.weekly'",
      );
      assert.equal(told.length, 1);
      const payload = JSON.parse(told[0]!["payload"] as string) as Record<string, unknown>;
      assert.deepEqual(Object.keys(payload), [...EVENTS["report.weekly"]]);
      assert.deepEqual([told[0]!["subject"], payload["week"]], [week.reportId, date]);
    });

    it("cohorts hold who paid first in a month, and what they brought in it", async () => {
      const date = dayText(days[0]!).slice(0, 7);
      const { document } = await made({ period: "MONTHLY", date });
      const rows = tableOf(document, "cohorts.months")!.rows;
      const [month, members, , sales] = rows[0]!;
      assert.deepEqual([rows.length, month, members], [1, date, 1n]);
      assert.equal(sales, valueOf(document, "revenue.sales"));
    });

    it("saying the same gives no new version; what came late gives one that names the one before", async () => {
      const day = days.at(-1)!;
      const key: ReportKey = { period: "DAILY", date: dayText(day) };
      const first = await generate(key);
      const again = await generate(key);
      assert.deepEqual([again.reportId, again.unchanged], [first.reportId, true]);
      const till = tillOf(bank);
      const order = await till.placed(buyer, { packId: "quota-pack-100" as PackId });
      const nowMs = bank.context.timeOf(Date.now());
      const successTimeMs = nowMs - DAY_MS;
      assert.equal(dayNumber(successTimeMs), day);
      const trade = await till.tradeOf(order.orderId, { successTimeMs });
      await till.settle(buyer, order.orderId, trade);
      const preview = await generate(key, { validateOnly: true });
      assert.deepEqual([preview.reportId, preview.unchanged], [null, false]);
      const second = await generate(key);
      const [old, corrected] = await Promise.all(
        [first, second].map(async ({ reportId }) => (await reports.reader.findReport(reportId!))!),
      );
      assert.deepEqual(
        [corrected!.version, corrected!.supersedes],
        [old!.version + 1, old!.reportId],
      );
      const sales = (document: ReportDocument) => valueOf(document, "revenue.sales");
      assert.equal(sales(corrected!.document) - sales(old!.document), order.amountFen);
      assert.deepEqual(preview.document, corrected!.document);
    });

    it("16 callers at once make one version, and one key gives one answer", async () => {
      const key: ReportKey = { period: "DAILY", date: dayText(days[0]! - 3) };
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, at) => generate(key, at % 2 === 0 ? { key: "one" } : {})),
      );
      assert.equal(new Set(answers.map(({ reportId }) => reportId)).size, 1);
      const other = generate({ period: "DAILY", date: dayText(days[0]!) }, { key: "one" });
      await assert.rejects(other, { reason: "IDEMPOTENCY_KEY_REUSED" });
    });

    it("who makes reports without a key leaves no key's proof behind", async () => {
      const count = async () => (await bank.sql("select count(*) as n from operations"))[0]!["n"];
      const before = await count();
      const key: ReportKey = { period: "DAILY", date: dayText(days[0]! - 400) };
      const told = await reports.maker.generate({ ...command(key), idempotencyKey: null });
      assert.equal(told.unchanged, false);
      assert.equal(await count(), before);
    });

    it("a day that isn't over has no report, and today's figures are there all the same", async () => {
      const { date, document } = await reports.maker.today();
      for (const key of [
        { period: "DAILY", date },
        { period: "YEARLY", date: "2999" },
      ] as const) {
        await assert.rejects(generate(key), { reason: "REPORT_PERIOD_NOT_BEGUN" });
      }
      assert.ok(valueOf(document, "quota.liability") > 0n);
    });

    it("what users brought and cost adds up to the reports of the same days", async () => {
      const range = { first: days.at(-1)! - 20, end: days.at(-1)! + 1 };
      const users = await bank.sql("select user_id from users");
      const profits = await Promise.all(
        users.map(async (row) => reports.reader.userProfit(row["user_id"] as UserId, range)),
      );
      const sum = (of: (profit: NonNullable<(typeof profits)[number]>) => bigint) =>
        profits.reduce((total, profit) => total + of(profit!), 0n);
      const documents: ReportDocument[] = [];
      for (let day = range.first; day < range.end; day++) {
        documents.push((await daily(day)).document);
      }
      const reported = (id: string) =>
        documents.reduce((total, document) => total + valueOf(document, id), 0n);
      assert.equal(
        sum((profit) => profit.salesFen),
        reported("revenue.sales"),
      );
      assert.equal(
        sum((profit) => profit.refundedFen),
        reported("revenue.refunded"),
      );
      assert.equal(
        sum((profit) => profit.recognisedFen),
        reported("revenue.recognised"),
      );
      assert.equal(
        sum((profit) => profit.used),
        reported("quota.used"),
      );
      const [nobody] = await bank.sql(
        "select sum(amount_micro_yuan) as total from vendor_costs where user_id is null",
      );
      const owned = reported("costs.vendors") - BigInt(nobody!["total"] as string);
      assert.equal(
        sum((profit) => profit.costMicroYuan),
        owned,
      );
      const bySales = await reports.reader.topUsers("SALES", range, 10);
      const ranked = profits.filter((profit) => profit!.salesFen > 0n).map((profit) => profit!);
      ranked.sort((one, other) => Number(other.salesFen - one.salesFen));
      assert.deepEqual(bySales, ranked);
      const losers = await reports.reader.topUsers("LOSS", range, 10);
      assert.deepEqual(
        losers.map(({ userId }) => userId).toSorted(),
        profits.flatMap((profit) => (profit!.grossFen < 0n ? [profit!.userId] : [])).toSorted(),
      );
    });

    it("can't be changed or removed", async () => {
      for (const sql of ["update billing_reports set version = 9", "delete from billing_reports"]) {
        await assert.rejects(bank.sql(sql), /append-only/);
      }
    });
  });
}
