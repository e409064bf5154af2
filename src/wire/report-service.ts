/** ReportService: each handler parses, calls one use case, and renders its answer. Costs and alerts stand in files of their own. */
import type { UserId } from "../billing/id.ts";
import { Refusal } from "../billing/refusal.ts";
import { dayOf, dayText } from "../billing/report/days.ts";
import { listReportRows } from "../billing/report/figure-rows.ts";
import { getReport, type ReportMaker, type ReportReader } from "../billing/report/report.ts";
import { Period } from "../gen/billing/report/v1/report.ts";
import type * as wire from "../gen/billing/report/v1/report_service.ts";
import { exportReport } from "../report/export.ts";
import type { Handle } from "./call.ts";
import { alertHandlers, type AlertParts } from "./alert-service.ts";
import { costHandlers, type CostParts } from "./cost-service.ts";
import * as parse from "./parse-report.ts";
import { reconciliationHandlers, type ReconciliationParts } from "./reconciliation-service.ts";
import * as render from "./render-report.ts";
import type { StreamHandle } from "./server-stream.ts";

/** A month of a vendor's bill; other services take less. */
export const REPORT_BYTES_MAX = 4 * 1024 * 1024;

export interface ReportParts extends ReconciliationParts, CostParts, AlertParts {
  readonly maker: ReportMaker;
  readonly reader: ReportReader;
}

export function reportHandlers(parts: ReportParts) {
  return {
    ...costHandlers(parts),
    ...reconciliationHandlers(parts),
    ...alertHandlers(parts),
    ...reports(parts),
    ...lists(parts),
    ...live(parts),
  };
}

function reports({ maker, reader }: ReportParts) {
  const generate: Handle<wire.GenerateReportRequest, wire.GenerateReportResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseGenerate(request, caller);
    const { reportId, document, ...told } = await maker.generate(command, signal);
    if (reportId !== null) {
      return { report: render.report(await getReport(reader, reportId)), ...told };
    }
    const { period, date } = command.input;
    const summary = { ...NO_SUMMARY, period: Period[period], date };
    const sections = document === null ? [] : render.sections(document);
    return { report: { summary, sections }, ...told };
  };
  const get: Handle<wire.GetReportRequest, wire.GetReportResponse> = async (request) => ({
    report: render.report(await getReport(reader, parse.parseGetReport(request))),
  });
  return { generateReport: generate, getReport: get };
}

/** Of what isn't kept. */
const NO_SUMMARY = {
  reportId: "",
  version: 0,
  supersedes: "",
  contentSha256: "",
  caller: "",
  createTime: undefined,
};

/** ExportReport, which answers with a stream. */
export function exportHandler({ reader }: Pick<ReportParts, "reader">) {
  const answer: StreamHandle<wire.ExportReportRequest, wire.ExportReportResponse> =
    async function* answer(request) {
      const { reportId, format, language } = parse.parseExport(request);
      const report = await getReport(reader, reportId);
      const { fileName, contentType, chunks } = exportReport(report, format, language);
      let told = { fileName, contentType };
      for await (const chunk of chunks) {
        yield { ...told, chunk: Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) };
        told = { fileName: "", contentType: "" };
      }
    };
  return answer;
}

function lists({ reader }: ReportParts) {
  const list: Handle<wire.ListReportsRequest, wire.ListReportsResponse> = async (request) => {
    const { filter, paging } = parse.parseListReports(request);
    const found = await reader.listReports(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { reports: rows.map(render.summary), nextPageToken };
  };
  const rows: Handle<wire.ListReportRowsRequest, wire.ListReportRowsResponse> = async (request) => {
    const { filter, paging } = parse.parseListRows(request);
    const { reportId, figureId } = filter;
    const found = await listReportRows(reader, reportId, figureId, paging.page);
    const { rows: shown, nextPageToken } = paging.split(found, (row) => row);
    return { rows: shown.map(render.row), nextPageToken };
  };
  const top: Handle<wire.ListTopUsersRequest, wire.ListTopUsersResponse> = async (request) => {
    const { order, days, limit } = parse.parseTopUsers(request);
    return { users: (await reader.topUsers(order, days, limit)).map(render.profit) };
  };
  return { listReports: list, listReportRows: rows, listTopUsers: top };
}

function live({ maker, reader }: ReportParts) {
  const metrics: Handle<wire.GetLiveMetricsRequest, wire.GetLiveMetricsResponse> = async (
    _request,
    { signal },
  ) => {
    const { date, timeMs, document } = await maker.today(signal);
    const yesterday = await reader.findNewest({ period: "DAILY", date: dayText(dayOf(date) - 1) });
    return {
      date,
      time: new Date(timeMs),
      sections: render.sections(document),
      yesterday: yesterday && render.report(yesterday),
    };
  };
  const profit: Handle<wire.GetUserProfitRequest, wire.GetUserProfitResponse> = async (request) => {
    const { userId, days } = parse.parseUserProfit(request);
    const found = await reader.userProfit(userId, days);
    if (found === undefined) throw userNotFound(userId);
    return { profit: render.profit(found) };
  };
  return { getLiveMetrics: metrics, getUserProfit: profit };
}

function userNotFound(userId: UserId): Refusal {
  return new Refusal("USER_NOT_FOUND", "there is no such user", { userId });
}
