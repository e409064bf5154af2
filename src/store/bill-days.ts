/** The list of days whose bills are to be checked: each day by one server at a time. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { datesToAdd, oldestDate, type BillDays } from "../billing/order/bill-days.ts";
import type { BillType } from "../billing/order/check-bill.ts";
import { msOrNull, timeText, type Row } from "./cell.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { literal } from "./sql.ts";
import { inTransaction, reading } from "./transaction.ts";

const NOTE_MAX = 255;

/** What a fund-flow bill says of fees is held against the trade bill, which must be there before it. */
const MAY_BE_TRIED: Readonly<Record<BillType, string>> = {
  TRADE: "true",
  FUND_FLOW: `exists (select 1 from bill_imports i where i.bill_date = bill_days.bill_date
    and i.type = 'TRADE' and i.state = 'CURRENT')`,
};

export function createBillDays(orm: MikroORM, context: DecisionTime, type: BillType): BillDays {
  const ofType = `type = ${literal(type)}`;
  const ofDate = (date: string) => ofDay(date, type);
  const run = (sqlAt: (nowMs: number) => string) =>
    reading(orm, async (em) => {
      const { nowMs } = await readMoment(em, context);
      await em.execute(sqlAt(nowMs), [], "run");
    });
  return {
    add: () =>
      inTransaction(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        const known = await em.execute<Row[]>(
          `select bill_date from bill_days
            where ${ofType} and bill_date >= ${literal(oldestDate(nowMs))}`,
        );
        const dates = new Set(known.map((row) => row["bill_date"] as string));
        const sql = "select create_time from orders order by order_id limit 1";
        const [first] = await em.execute<Row[]>(sql);
        await addDays(em, context, type, datesToAdd(nowMs, dates, msOrNull(first?.["create_time"] ?? null)));
      }),
    takeDue: (leaseMs) =>
      inTransaction(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        const [row] = await em.execute<Row[]>(
          `select bill_date, attempts from bill_days where ${ofType} and state = 'PENDING' and ${MAY_BE_TRIED[type]}
            and next_try_time <= ${literal(timeText(nowMs))} and bill_date >= ${literal(oldestDate(nowMs))}
            order by bill_date limit 1 for update skip locked`,
        );
        if (row === undefined) return undefined;
        const date = row["bill_date"] as string;
        const attempt = Number(row["attempts"]) + 1;
        await em.execute(
          `update bill_days set attempts = ${attempt}, next_try_time = ${literal(timeText(nowMs + leaseMs))}
            where ${ofDate(date)}`,
          [],
          "run",
        );
        return { date, attempt };
      }),
    finish: (date, note) =>
      run(
        (nowMs) => `update bill_days set state = 'DONE', next_try_time = null, note = ${noteText(note)},
          end_time = ${literal(timeText(nowMs))} where ${ofDate(date)}`,
      ),
    // What another has finished meanwhile stays finished.
    putOff: (date, pauseMs, note) =>
      run(
        (nowMs) => `update bill_days set next_try_time = ${literal(timeText(nowMs + pauseMs))},
          note = ${noteText(note)} where ${ofDate(date)} and state = 'PENDING'`,
      ),
    waiting: () =>
      reading(orm, async (em) => {
        const sql = `select count(*) as n from bill_days where ${ofType} and state = 'PENDING'`;
        const [row] = await em.execute<Row[]>(sql);
        return Number(row?.["n"] ?? 0);
      }),
  };
}

/** Puts days on the list; those that are on it stay as they are. */
export async function addDays(
  em: EntityManager,
  context: DecisionTime,
  type: BillType,
  dates: readonly string[],
): Promise<void> {
  if (dates.length === 0) return;
  const { nowMs } = await readMoment(em, context);
  const now = literal(timeText(nowMs));
  const rows = dates.map((date) => `(${literal(date)}, ${literal(type)}, 'PENDING', 0, ${now}, '', ${now})`);
  await em.execute(
    `insert ignore into bill_days (bill_date, type, state, attempts, next_try_time, note, create_time)
      values ${rows.join(",")}`,
    [],
    "run",
  );
}

/** Waits for whoever writes this day's bill down. @returns whether the day is on the list at all */
export async function lockDay(em: EntityManager, date: string, type: BillType): Promise<boolean> {
  const rows = await em.execute<Row[]>(
    `select 1 from bill_days where ${ofDay(date, type)} for update`,
  );
  return rows.length > 0;
}

function ofDay(date: string, type: BillType): string {
  return `bill_date = ${literal(date)} and type = ${literal(type)}`;
}

function noteText(note: string): string {
  return literal(note.slice(0, NOTE_MAX));
}
