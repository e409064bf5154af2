import assert from "node:assert/strict";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { DAY_MS } from "../../src/billing/clock.ts";
import { dayNumber, dayText } from "../../src/billing/report/days.ts";
import { FigureType, Period, type Report } from "../../src/gen/billing/report/v1/report.ts";
import {
  ExportReportRequest,
  ExportReportRequest_Format as Format,
  ExportReportRequest_Language as Language,
  type ExportReportResponse,
  GenerateReportRequest,
  GetReportRequest,
  GetUserProfitRequest,
  ListReportRowsRequest,
  ListReportsRequest,
  ListTopUsersRequest,
  ListTopUsersRequest_Order as Order,
  ReportServiceService as Reports,
} from "../../src/gen/billing/report/v1/report_service.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { tillOf } from "../support/ledger-world.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, tokenOf, type TestService } from "../support/service.ts";

const finance = { as: "finance" };

for (const flavour of flavours()) {
  describe(`reports over the wire on ${flavour}`, () => {
    let service: TestService;
    let userId: string;
    let date: string;
    before(async () => {
      service = await startTestService(flavour);
      const { bank } = service;
      date = dayText(dayNumber(Date.now()));
      userId = await bank.member(10);
      const till = tillOf(bank);
      for (let at = 0; at < 3; at++)
        await till.bought(userId as never, { packId: "quota-pack-100" as never });
      bank.advance(DAY_MS);
    });
    after(() => service.close());

    const generate = (change: Partial<GenerateReportRequest> = {}) =>
      service.call(
        Reports.generateReport,
        GenerateReportRequest.fromPartial({
          idempotencyKey: unique("key"),
          period: Period.DAILY,
          date,
          ...change,
        }),
        finance,
      );
    const figure = (report: Report | undefined, id: string) =>
      report?.sections.flatMap(({ figures }) => figures).find(({ figureId }) => figureId === id);

    it("a report is had by its id and as the newest of its period, and is listed", async () => {
      const { report, replayed } = await generate();
      const reportId = report!.summary!.reportId;
      assert.equal(replayed, false);
      const byId = GetReportRequest.fromPartial({ reportId });
      const byPeriod = GetReportRequest.fromPartial({ period: Period.DAILY, date });
      for (const request of [byId, byPeriod]) {
        assert.deepEqual((await service.call(Reports.getReport, request, finance)).report, report);
      }
      const request = ListReportsRequest.fromPartial({ period: Period.DAILY, date });
      const { reports } = await service.call(Reports.listReports, request, finance);
      assert.deepEqual(reports, [report!.summary]);
      const { type, value } = figure(report, "revenue.sales")!;
      const [paid] = await service.bank.sql("select sum(amount_fen) as total from payments");
      assert.deepEqual([type, value], [FigureType.FEN, BigInt(paid!["total"] as string)]);
      // Money came in and no bill was there: the fees aren't known, which isn't the same as none.
      assert.equal(figure(report, "costs.payment_fees")!.value, undefined);
      assert.equal(figure(report, "costs.bills_missing")!.value, 1n);
    });

    it("a preview is kept by nobody, also of a month whose days are missing", async () => {
      const year = date.slice(0, 4);
      const { report } = await generate({ period: Period.YEARLY, date: year, validateOnly: true });
      assert.deepEqual([report!.summary!.reportId, report!.summary!.date], ["", year]);
      const [days] = await service.bank.sql("select count(*) as n from billing_reports");
      assert.ok(Number(days!["n"]) <= 1);
    });

    it("a figure's rows come page by page, each once, and unknown figures and reports are told apart", async () => {
      const { report } = await generate();
      const { reportId } = report!.summary!;
      const ask = (figureId: string, pageToken = "", id = reportId) =>
        service.call(
          Reports.listReportRows,
          ListReportRowsRequest.fromPartial({ reportId: id, figureId, pageSize: 2, pageToken }),
          finance,
        );
      const first = await ask("revenue.sales");
      const second = await ask("revenue.sales", first.nextPageToken);
      const rows = [...first.rows, ...second.rows];
      assert.deepEqual([first.rows.length, rows.length, second.nextPageToken], [2, 3, ""]);
      assert.equal(new Set(rows.map(({ rowId }) => rowId)).size, 3);
      const terms = await ask("revenue.net");
      assert.deepEqual(
        terms.rows.map(({ source, rowId }) => [source, rowId]),
        [
          ["figure", "revenue.sales"],
          ["figure", "revenue.refunded"],
        ],
      );
      await assertBadFields(ask("revenue.nothing"), "figure_id");
      await assertBadFields(ask("revenue.net", first.nextPageToken), "page_token");
      await assertRefused(ask("revenue.net", "", "rpt_none"), "REPORT_NOT_FOUND", {
        reportId: "rpt_none",
      });
    });

    it("dates are those of their period's length, and days of the calendar", async () => {
      const wrong = [
        [Period.DAILY, "2026-02-30"],
        [Period.DAILY, "2026-02"],
        [Period.MONTHLY, "2026-13"],
        [Period.MONTHLY, "2026-01-01"],
        [Period.YEARLY, "26"],
        [Period.WEEKLY, "2025-W53"],
        [Period.WEEKLY, "2026-W00"],
        [Period.WEEKLY, "2026-11"],
      ] as const;
      for (const [period, text] of wrong) {
        await assertBadFields(generate({ period, date: text }), "date");
      }
      const future = generate({ period: Period.MONTHLY, date: "2999-01" });
      await assertRefused(future, "REPORT_PERIOD_NOT_BEGUN", {
        period: "MONTHLY",
        date: "2999-01",
      });
      const none = GetReportRequest.fromPartial({ period: Period.YEARLY, date: "1999" });
      await assertRefused(service.call(Reports.getReport, none, finance), "REPORT_NOT_FOUND", {
        date: "1999",
      });
      const both = GetReportRequest.fromPartial({
        reportId: "r",
        period: Period.YEARLY,
        date: "1999",
      });
      await assertBadFields(service.call(Reports.getReport, both, finance), "period", "date");
    });

    it("users are had one by one and by rank, within so many days and no more", async () => {
      const range = { firstDay: date, lastDay: date };
      const request = GetUserProfitRequest.fromPartial({ userId, ...range });
      const { profit } = await service.call(Reports.getUserProfit, request, finance);
      assert.ok(profit!.salesFen > 0n);
      const top = (change: Partial<ListTopUsersRequest>) => {
        const asked = ListTopUsersRequest.fromPartial({ order: Order.SALES, ...range, ...change });
        return service.call(Reports.listTopUsers, asked, finance);
      };
      assert.deepEqual((await top({})).users, [profit]);
      await assertBadFields(top({ lastDay: "2000-01-01" }), "last_day");
      await assertBadFields(top({ firstDay: "2000-01-01" }), "last_day");
      await assertBadFields(top({ limit: 101 }), "limit");
      const nobody = GetUserProfitRequest.fromPartial({ userId: "nobody", ...range });
      await assertRefused(service.call(Reports.getUserProfit, nobody, finance), "USER_NOT_FOUND", {
        userId: "nobody",
      });
    });

    /** The messages of an export, or what ended it. */
    const exported = async (change: Partial<ExportReportRequest>, token = tokenOf("finance")) => {
      const client = new Client(service.address, credentials.createInsecure());
      const metadata = new Metadata();
      metadata.set("authorization", `Bearer ${token}`);
      const { path, requestSerialize, responseDeserialize } = Reports.exportReport;
      const request = ExportReportRequest.fromPartial({ format: Format.CSV, ...change });
      const call = client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
      );
      const pieces: ExportReportResponse[] = [];
      try {
        for await (const piece of call as AsyncIterable<ExportReportResponse>) pieces.push(piece);
      } finally {
        client.close();
      }
      return pieces;
    };

    it("a report is had as a file in every format, in pieces, the first of which is named", async () => {
      const { report } = await generate();
      const { reportId } = report!.summary!;
      const starts = { CSV: "efbbbf", XLSX: "504b0304", HTML: "3c21646f63747970652068746d6c" };
      for (const [format, start] of Object.entries(starts)) {
        const pieces = await exported({ reportId, format: Format[format as keyof typeof starts] });
        const [first, ...rest] = pieces;
        assert.equal(first!.fileName, `billing-daily-${date}-v1.${format.toLowerCase()}`);
        assert.ok(first!.contentType.includes("/"));
        for (const piece of rest) assert.deepEqual([piece.fileName, piece.contentType], ["", ""]);
        const bytes = Buffer.concat(pieces.map(({ chunk }) => chunk));
        assert.ok(bytes.toString("hex").startsWith(start), format);
      }
      const zh = await exported({ reportId, language: Language.ZH });
      assert.ok(Buffer.concat(zh.map(({ chunk }) => chunk)).includes("销售额"));
    });

    it("an export that can't be is refused with details, like every call", async () => {
      await assertRefused(exported({ reportId: "rpt_none" }), "REPORT_NOT_FOUND", {
        reportId: "rpt_none",
      });
      await assertBadFields(exported({ format: 9 as Format }), "report_id", "format");
      await assertRefused(exported({ reportId: "r" }, tokenOf("pipeline")), "PERMISSION_DENIED");
      assert.equal(service.server.openCalls(), 0);
    });

    it("today's figures are there without a report, and yesterday's report beside them", async () => {
      await generate();
      const live = await service.call(Reports.getLiveMetrics, {}, { as: "operator" });
      assert.equal(live.date, dayText(dayNumber(Date.now()) + 1));
      assert.ok(live.sections.length > 0);
      assert.equal(live.yesterday?.summary?.date, date);
    });
  });
}
