/** A look at the rules of alerts, written down: alerts, their steps, and the events that tell of them. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import type { Alert } from "../billing/alert/alert.ts";
import { decideAlerts, type AlertChanges } from "../billing/alert/check-alerts.ts";
import { alertEvent } from "../billing/alert/events.ts";
import type { AlertFacts } from "../billing/alert/facts.ts";
import { judgeAll, type Verdict } from "../billing/alert/rules.ts";
import type { IdSource } from "../billing/id.ts";
import { readAlert, settingsNow, silencesNow, writeAlerts } from "./alert-rows.ts";
import type { Row } from "./cell.ts";
import type { JobTurns } from "./job-turns.ts";
import { OUTBOX_EVENTS, outboxCells } from "./outbox-rows.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { insertSql, literal } from "./sql.ts";
import { inTransaction, reading } from "./transaction.ts";

export interface AlertChecksContext extends DecisionTime {
  readonly ids: IdSource;
  /** Told after a commit that brought an event. */
  readonly eventsCommitted?: (() => void) | undefined;
}

/** What stands open, by severity. */
export type OpenAlerts = Readonly<Record<Alert["severity"], number>>;

export interface AlertChecks {
  /** Judges the facts and writes what came of them, and that the turn is over. @returns undefined when it's another's turn by now */
  check(facts: AlertFacts): Promise<AlertChanges | undefined>;
  open(): Promise<OpenAlerts>;
}

export function createAlertChecks(
  orm: MikroORM,
  context: AlertChecksContext,
  turns: Pick<JobTurns, "finish">,
): AlertChecks {
  return {
    async check(facts) {
      const changes = await inTransaction(orm, async (em) => {
        // The turn's row is locked from here on: nobody else writes what a look has seen.
        if (!(await turns.finish(em))) return undefined;
        const verdict = judgeAll(facts, await settingsNow(em));
        return writeLook(em, context, verdict);
      });
      if (changes && changes.raised.length + changes.resolved.length > 0) {
        context.eventsCommitted?.();
      }
      return changes;
    },
    open: () =>
      reading(orm, async (em) => {
        const rows = await em.execute<Row[]>(
          `select severity, count(*) as n from alerts where state in ('OPEN', 'ACKNOWLEDGED') group by severity`,
        );
        const counts = new Map(rows.map((row) => [row["severity"] as string, Number(row["n"])]));
        return { WARNING: counts.get("WARNING") ?? 0, CRITICAL: counts.get("CRITICAL") ?? 0 };
      }),
  };
}

async function writeLook(
  em: EntityManager,
  context: AlertChecksContext,
  verdict: Verdict,
): Promise<AlertChanges> {
  const { ids } = context;
  const { nowMs } = await readMoment(em, context);
  const silences = await silencesNow(em, nowMs);
  const alerts = await alertsFor(em, verdict);
  const changes = decideAlerts({ nowMs, alerts, silences }, verdict, () => ids.next("alt", nowMs));
  await writeAlerts(em, changes);
  const events = [
    ...changes.raised.map((alert) => alertEvent("alert.raised", alert, ids, nowMs)),
    ...changes.resolved.map((alert) => alertEvent("alert.resolved", alert, ids, nowMs)),
  ];
  if (events.length > 0) {
    await em.execute(insertSql(OUTBOX_EVENTS, events.map(outboxCells)), [], "run");
  }
  return changes;
}

/** What isn't over, and what was seen before of what is seen now; locked, since people acknowledge meanwhile. */
async function alertsFor(em: EntityManager, { seen }: Verdict): Promise<Alert[]> {
  const open = await em.execute<Row[]>(
    "select * from alerts where state in ('OPEN', 'ACKNOWLEDGED') order by alert_id for update",
  );
  const subjects = new Set(
    seen.map(({ ruleId, subject }) => `(${literal(ruleId)},${literal(subject)})`),
  );
  if (subjects.size === 0) return open.map(readAlert);
  const over = await em.execute<Row[]>(
    `select * from alerts where (rule_id, subject) in (${[...subjects].join(",")})
      and state = 'RESOLVED' and seen_time >= timestampadd(day, -32, now(3)) for update`,
  );
  return [...open, ...over].map(readAlert);
}
