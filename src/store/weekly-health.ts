/** The weekly report of financial health: what stands open, and whoever listens is told of the week. */
import type { EntityManager } from "@mikro-orm/mysql";
import { MINUTE_MS } from "../billing/clock.ts";
import type { EventId } from "../billing/event.ts";
import { valueOf } from "../billing/report/document.ts";
import type { Health } from "../billing/report/period-report.ts";
import type { StoredReport } from "../billing/report/report.ts";
import { timeText, toBigInt, type Row } from "./cell.ts";
import { OUTBOX_EVENTS, outboxCells } from "./outbox-rows.ts";
import { insertSql, literal } from "./sql.ts";

/** The sweeper gives holds back within seconds; later than this something holds it up. */
const OVERDUE_MS = 5 * MINUTE_MS;

/** Figures of the section `health`, by what stands behind the point. */
const COUNTS = (nowMs: number): Readonly<Record<string, string>> => ({
  alerts_critical: `select count(*) as n from alerts
    where state in ('OPEN', 'ACKNOWLEDGED') and severity = 'CRITICAL'`,
  alerts_warning: `select count(*) as n from alerts
    where state in ('OPEN', 'ACKNOWLEDGED') and severity = 'WARNING'`,
  discrepancies:
    "select count(*) as n from bill_findings where clear_time is null and state <> 'RESOLVED'",
  ledger_breaks: "select break_count as n from ledger_checks order by end_time desc limit 1",
  dead_messages: "select count(*) as n from webhook_deliveries where state = 'DEAD'",
  overdue_holds: `select count(*) as n from quota_reservations
    where state = 'HELD' and expire_time < ${literal(timeText(nowMs - OVERDUE_MS))}`,
});

export async function healthOf(em: EntityManager, nowMs: number): Promise<Health> {
  const health: Record<string, bigint> = {};
  for (const [name, sql] of Object.entries(COUNTS(nowMs))) {
    const [row] = await em.execute<Row[]>(sql);
    health[name] = toBigInt(row?.["n"] ?? 0);
  }
  return health;
}

const TOLD: Readonly<Record<string, string>> = {
  sales_fen: "revenue.sales",
  refunded_fen: "revenue.refunded",
  recognised_fen: "revenue.recognised",
  cost_fen: "costs.total",
  gross_fen: "margin.gross",
  used: "quota.used",
  active_members: "members.active",
  alerts_critical: "health.alerts_critical",
  alerts_warning: "health.alerts_warning",
  discrepancies: "health.discrepancies",
  ledger_breaks: "health.ledger_breaks",
  dead_messages: "health.dead_messages",
  overdue_holds: "health.overdue_holds",
};

/** In the transaction that keeps the report. */
export async function tellWeek(
  em: EntityManager,
  { reportId, date, version, document, createTimeMs }: StoredReport,
  eventId: string,
): Promise<void> {
  const figures = Object.entries(TOLD).map(([name, id]) => [name, Number(valueOf(document, id))]);
  const event = {
    eventId: eventId as EventId,
    userId: null,
    type: "report.weekly" as const,
    subject: reportId,
    payload: {
      report_id: reportId,
      week: date,
      version,
      ...(Object.fromEntries(figures) as Record<string, number>),
    },
    createTimeMs,
  };
  await em.execute(insertSql(OUTBOX_EVENTS, [outboxCells(event)]), [], "run");
}
