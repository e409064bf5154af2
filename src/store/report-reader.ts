/** Reads of reports and of what they are made of. What reads many rows does so on connections of its own. */
import type { MikroORM } from "@mikro-orm/mysql";
import { dayText } from "../billing/report/days.ts";
import type { ReportKey, ReportReader } from "../billing/report/report.ts";
import type { Row } from "./cell.ts";
import { dayRowsOf } from "./figure-rows.ts";
import { findDays, findNewest, LISTED_COLUMNS, readListing, readReport } from "./report-rows.ts";
import { literal } from "./sql.ts";
import { reading, snapshot } from "./transaction.ts";
import { profitsOf, topUsers } from "./user-profits.ts";

export interface ReportReaderOptions {
  /** For short reads. */
  readonly orm: MikroORM;
  /** For reads that take seconds. */
  readonly slowOrm: MikroORM;
  readonly vatBasisPoints: bigint;
}

export function createReportReader(options: ReportReaderOptions): ReportReader {
  const { orm, slowOrm, vatBasisPoints } = options;
  const rows = (sql: string): Promise<Row[]> => reading(orm, (em) => em.execute<Row[]>(sql));
  return {
    async findReport(reportId) {
      const [row] = await rows(
        `select * from billing_reports where report_id = ${literal(reportId)}`,
      );
      return row && readReport(row);
    },
    findNewest: (key) => reading(orm, (em) => findNewest(em, key)),
    async listReports({ period, date }, { after, limit }) {
      const conditions = ["true"];
      if (period !== null) conditions.push(`period = ${literal(period)}`);
      if (date !== null) conditions.push(`date = ${literal(date)}`);
      if (after !== null) conditions.push(`report_id < ${literal(after.reportId)}`);
      const found = await rows(
        `select ${LISTED_COLUMNS} from billing_reports where ${conditions.join(" and ")}
          order by report_id desc limit ${limit}`,
      );
      return found.map(readListing);
    },
    listDayRows: (figureId, day, page) =>
      snapshot(slowOrm, (em) => dayRowsOf(em, figureId, day, page)),
    listDays: ({ first, end }) =>
      reading(orm, (em) => findDays(em, dayText(first), dayText(end - 1))),
    async userProfit(userId, days) {
      const known = await rows(
        `select 1 from users where user_id = ${literal(userId)} and state <> 'NEW'`,
      );
      if (known.length === 0) return undefined;
      return (await snapshot(slowOrm, (em) => profitsOf(em, [userId], days, vatBasisPoints)))[0];
    },
    topUsers: (order, days, limit) =>
      snapshot(slowOrm, (em) => topUsers(em, order, days, limit, vatBasisPoints)),
  };
}

/** Which reports are there already, for whoever makes those that are due. */
export function keptIn(orm: MikroORM) {
  return {
    /** The date of the newest day that has one; null when none has. */
    async lastDay(): Promise<string | null> {
      const sql = "select max(date) as last from billing_reports where period = 'DAILY'";
      const [row] = await reading(orm, (em) => em.execute<Row[]>(sql));
      return (row?.["last"] ?? null) as string | null;
    },
    async has({ period, date }: ReportKey): Promise<boolean> {
      const sql = `select 1 from billing_reports
        where period = ${literal(period)} and date = ${literal(date)} limit 1`;
      return (await reading(orm, (em) => em.execute<Row[]>(sql))).length > 0;
    },
  };
}
