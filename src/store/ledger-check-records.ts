/** What the checks of the ledgers leave: a row for each round, and an event for the first difference of one. */
import type { MikroORM } from "@mikro-orm/mysql";
import { nextEventId } from "../billing/event.ts";
import type { IdSource } from "../billing/id.ts";
import { timeText, toMs, type HotTable, type Row } from "./cell.ts";
import type { JobTurns } from "./job-turns.ts";
import { LEDGER_RULES, type LedgerBreak, type LedgerOutcome } from "./ledger-check.ts";
import { OUTBOX_EVENTS, outboxCells } from "./outbox-rows.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { insertSql } from "./sql.ts";
import { inTransaction, reading } from "./transaction.ts";

export interface LedgerRecordsContext extends DecisionTime {
  readonly ids: IdSource;
  /** Told after a commit that brought an event. */
  readonly eventsCommitted?: (() => void) | undefined;
}

/** The latest round that came to its end. */
export interface LastCheck {
  readonly endTimeMs: number;
  readonly breaks: number;
}

export interface StartedCheck {
  readonly checkId: string;
  readonly startTimeMs: number;
}

export interface LedgerRecords {
  /** A new round's id and time; nothing is written yet. */
  begin(): Promise<StartedCheck>;
  /** Tells others of the first difference of a round, at once. */
  tell(checkId: string, first: LedgerBreak): Promise<void>;
  /** Writes down what a round came to, and that the turn is over. @returns false when it's another's turn by now */
  finish(check: StartedCheck, outcome: LedgerOutcome): Promise<boolean>;
  /** Undefined before the first. */
  last(): Promise<LastCheck | undefined>;
}

const CHECKS: HotTable = {
  name: "ledger_checks",
  columns: [
    "check_id",
    "owner",
    "start_time",
    "end_time",
    "rule_count",
    "row_count",
    "break_count",
    "findings",
  ],
};

/** What an event says of a value; the row has all of it. */
const VALUE_MAX = 400;

export function createLedgerRecords(
  orm: MikroORM,
  context: LedgerRecordsContext,
  turns: Pick<JobTurns, "finish">,
  owner: string,
): LedgerRecords {
  const { ids } = context;
  return {
    begin: () =>
      reading(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        return { checkId: ids.next("lgc", nowMs), startTimeMs: nowMs };
      }),
    async tell(checkId, { rule, rowId, expected, found }) {
      await inTransaction(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        const event = {
          eventId: nextEventId(ids, nowMs, null),
          type: "ledger.broken",
          userId: null,
          subject: checkId,
          payload: {
            check_id: checkId,
            rule,
            row_id: rowId,
            expected: expected.slice(0, VALUE_MAX),
            found: found.slice(0, VALUE_MAX),
          },
          createTimeMs: nowMs,
        };
        await em.execute(insertSql(OUTBOX_EVENTS, [outboxCells(event)]), [], "run");
      });
      context.eventsCommitted?.();
    },
    finish: ({ checkId, startTimeMs }, { rows, breaks, findings }) =>
      inTransaction(orm, async (em) => {
        if (!(await turns.finish(em))) return false;
        const { nowMs } = await readMoment(em, context);
        const cells = [
          checkId,
          owner,
          timeText(startTimeMs),
          timeText(nowMs),
          LEDGER_RULES.length,
          rows,
          breaks,
          JSON.stringify(findings),
        ];
        await em.execute(insertSql(CHECKS, [cells]), [], "run");
        return true;
      }),
    last: () =>
      reading(orm, async (em) => {
        const sql =
          "select end_time, break_count from ledger_checks order by end_time desc limit 1";
        const [row] = await em.execute<Row[]>(sql);
        return row && { endTimeMs: toMs(row["end_time"]), breaks: Number(row["break_count"]) };
      }),
  };
}
