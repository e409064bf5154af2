/** Reports as their table keeps them, each way. */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { defineEntity, p } from "@mikro-orm/core";
import type { EntityManager } from "@mikro-orm/mysql";
import {
  readDocument,
  writeDocument,
  type Period,
  type ReportDocument,
} from "../billing/report/document.ts";
import type { ReportKey, ReportListing, StoredReport } from "../billing/report/report.ts";
import { toMs, type Row } from "./cell.ts";
import { literal } from "./sql.ts";
import { appendOnly } from "./tables.ts";

const ID_LENGTH = 63;
const WORD_LENGTH = 24;
const DAY_LENGTH = 10;
const SHA256_LENGTH = 64;
/** What a kept document unfolds to at most: thousands of rows of tables. */
const CONTENT_BYTES_MAX = 64 * 1024 * 1024;

const id = () => p.string().length(ID_LENGTH);

/** Append-only: a correction is a new version. */
export const BillingReportTable = defineEntity({
  name: "BillingReport",
  tableName: "billing_reports",
  properties: {
    reportId: id().primary(),
    period: p.string().length(WORD_LENGTH),
    date: p.string().length(DAY_LENGTH),
    version: p.integer().unsigned(),
    supersedes: id().nullable(),
    /** JSON, gzipped. */
    content: p.blob().columnType("mediumblob"),
    contentSha256: p.string().length(SHA256_LENGTH).fieldName("content_sha256"),
    caller: id(),
    createTime: p.datetime(3),
  },
  uniques: [{ name: "billing_reports_version", properties: ["period", "date", "version"] }],
  triggers: appendOnly("billing_reports"),
});

export function sha256Of(document: ReportDocument): string {
  return createHash("sha256").update(writeDocument(document)).digest("hex");
}

export async function insertReport(
  em: EntityManager,
  { document, createTimeMs, ...report }: StoredReport,
): Promise<void> {
  await em.insert(BillingReportTable, {
    ...report,
    content: gzipSync(writeDocument(document)),
    createTime: new Date(createTimeMs),
  });
}

/** All but the content, which lists don't show. */
export const LISTED_COLUMNS =
  "report_id, period, date, version, supersedes, content_sha256, caller, create_time";

export function readListing(row: Row): ReportListing {
  return {
    reportId: row["report_id"] as string,
    period: row["period"] as Period,
    date: row["date"] as string,
    version: Number(row["version"]),
    supersedes: row["supersedes"] as string | null,
    contentSha256: row["content_sha256"] as string,
    caller: row["caller"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}

export function readReport(row: Row): StoredReport {
  const packed = row["content"] as Buffer;
  const text = gunzipSync(packed, { maxOutputLength: CONTENT_BYTES_MAX }).toString("utf8");
  return { ...readListing(row), document: readDocument(text) };
}

/** The newest version for a period; undefined when there is none. */
export async function findNewest(
  em: EntityManager,
  { period, date }: ReportKey,
): Promise<StoredReport | undefined> {
  const [row] = await em.execute<Row[]>(
    `select * from billing_reports where period = ${literal(period)} and date = ${literal(date)}
      order by version desc limit 1`,
  );
  return row && readReport(row);
}

/** The newest version of the latest day before a date that has a report. */
export async function findNewestBefore(
  em: EntityManager,
  date: string,
): Promise<StoredReport | undefined> {
  const [row] = await em.execute<Row[]>(
    `select * from billing_reports where period = 'DAILY' and date < ${literal(date)}
      order by date desc, version desc limit 1`,
  );
  return row && readReport(row);
}

/** The newest daily reports from a date to another, by date. */
export async function findDays(
  em: EntityManager,
  firstDate: string,
  lastDate: string,
): Promise<StoredReport[]> {
  const rows = await em.execute<Row[]>(
    `select r.* from billing_reports r
        join (select date, max(version) as version from billing_reports
            where period = 'DAILY' and date between ${literal(firstDate)} and ${literal(lastDate)}
            group by date) n on n.date = r.date and n.version = r.version
      where r.period = 'DAILY' order by r.date`,
  );
  return rows.map(readReport);
}
