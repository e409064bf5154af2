/** Reads of alerts and budgets: as committed, nothing locked. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import type { AlertReader } from "../billing/alert/books.ts";
import { spentOf, type SpentSum } from "../billing/alert/budget.ts";
import { shanghaiDay } from "../billing/calendar.ts";
import { newest, readAlert, readBudget, readStep, settingsNow, silencesNow } from "./alert-rows.ts";
import { toBigInt, type Row } from "./cell.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { listSql, literal } from "./sql.ts";
import { reading } from "./transaction.ts";

const MONTH_LENGTH = "YYYY-MM".length;

export function createAlertReader(orm: MikroORM, context: DecisionTime): AlertReader {
  return {
    listAlerts: ({ state, ruleId, subject, severity }, { after, limit }) =>
      reading(orm, async (em) => {
        const conditions = ["true"];
        for (const [column, value] of Object.entries({
          state,
          rule_id: ruleId,
          subject,
          severity,
        })) {
          if (value !== null) conditions.push(`${column} = ${literal(value)}`);
        }
        if (after !== null) conditions.push(`alert_id < ${literal(after.alertId)}`);
        const rows = await em.execute<Row[]>(
          `select * from alerts where ${conditions.join(" and ")}
            order by alert_id desc limit ${limit}`,
        );
        const alerts = rows.map(readAlert);
        const records = await recordsOf(
          em,
          alerts.map(({ alertId }) => alertId),
        );
        return alerts.map((alert) => ({ ...alert, record: records.get(alert.alertId) ?? [] }));
      }),
    listBudgets: ({ month: asked }, { after, limit }) =>
      reading(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        const month = asked ?? shanghaiDay(nowMs).slice(0, MONTH_LENGTH);
        const conditions = [newest("budgets", ["scope", "subject"])];
        if (after !== null) {
          const [scope, subject] = [literal(after.scope), literal(after.subject)];
          conditions.push(`(scope > ${scope} or (scope = ${scope} and subject > ${subject}))`);
        }
        const rows = await em.execute<Row[]>(
          `select * from budgets where ${conditions.join(" and ")}
            order by scope, subject limit ${limit}`,
        );
        const sums = rows.length === 0 ? [] : await sumsOf(em, month);
        const budgets = rows.map(readBudget).map((budget) => {
          return { ...budget, spentMicroYuan: spentOf(budget, sums) };
        });
        return { month, budgets };
      }),
    listSettings: () =>
      reading(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        const settings = await settingsNow(em);
        return { settings, silences: await silencesNow(em, nowMs) };
      }),
  };
}

async function recordsOf(em: EntityManager, alertIds: readonly string[]) {
  if (alertIds.length === 0) return new Map<string, ReturnType<typeof readStep>[]>();
  const rows = await em.execute<Row[]>(
    `select * from alert_steps where alert_id in (${listSql(alertIds)}) order by alert_id, sequence`,
  );
  return Map.groupBy(rows.map(readStep), ({ alertId }) => alertId);
}

/** What was spent within a month, by vendor and feature. @param month YYYY-MM */
async function sumsOf(em: EntityManager, month: string): Promise<SpentSum[]> {
  const rows = await em.execute<Row[]>(
    `select vendor, feature_id, sum(amount_micro_yuan) as amount from vendor_costs
      where day between ${literal(`${month}-01`)} and ${literal(`${month}-31`)}
      group by vendor, feature_id`,
  );
  return rows.map((row) => ({
    vendor: row["vendor"] as string,
    featureId: row["feature_id"] as string | null,
    amountMicroYuan: toBigInt(row["amount"]),
  }));
}
