/** Bills and their findings, written down: each bill once, whoever brings it and however often. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { nextEventId } from "../billing/event.ts";
import type { IdSource } from "../billing/id.ts";
import { FINDING_KINDS, type BillDay, type BillFinding } from "../billing/order/bill.ts";
import type { BillBooks, BillCheck, BillType, RecordedBill } from "../billing/order/check-bill.ts";
import { addDays, lockDay } from "./bill-days.ts";
import { readLedger } from "./bill-ledger.ts";
import {
  findingCells,
  findingKey,
  findingKeyOfRow,
  FINDINGS,
  flowCells,
  FLOW_ROWS,
  IMPORTS,
  NOTE_MAX,
  rowCells,
  ROWS,
  sumsOf,
} from "./bill-rows.ts";
import { readFlowLedger } from "./flow-ledger.ts";
import { timeText, type Cell, type HotTable, type Row } from "./cell.ts";
import { stepCells, STEPS } from "./discrepancy-rows.ts";
import { OUTBOX_EVENTS, outboxCells } from "./outbox-rows.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import type { Sealer } from "./sealer.ts";
import { insertSql, listSql, literal } from "./sql.ts";
import { inTransaction } from "./transaction.ts";

/** Rows of one statement: some hundred kilobytes. */
const INSERT_MAX = 1_000;
const FOUND_AGAIN = "the check finds it again";
/** Signs what the service does by itself. */
const OURSELVES = "billing-guard";

export interface BillContext extends DecisionTime {
  readonly ids: IdSource;
}

export function createBillBooks(orm: MikroORM, context: BillContext, sealer: Sealer): BillBooks {
  return {
    ledger: (day, bill) => readLedger(orm, sealer, day, bill),
    flowLedger: (day, bill) => readFlowLedger(orm, sealer, day, bill),
    record: (check) =>
      inTransaction(orm, async (em) => {
        const { date } = check.day;
        // Whoever brings the same day's bill at the same time waits here, and then finds it.
        if (!(await lockDay(em, date, check.type))) {
          await addDays(em, context, check.type, [date]);
          await lockDay(em, date, check.type);
        }
        const { nowMs } = await readMoment(em, context);
        return new Recording(em, context.ids, sealer, nowMs).record(check);
      }),
  };
}

class Recording {
  readonly #em: EntityManager;
  readonly #ids: IdSource;
  readonly #sealer: Sealer;
  readonly #nowMs: number;

  constructor(em: EntityManager, ids: IdSource, sealer: Sealer, nowMs: number) {
    this.#em = em;
    this.#ids = ids;
    this.#sealer = sealer;
    this.#nowMs = nowMs;
  }

  async record(check: BillCheck): Promise<RecordedBill> {
    const known = await this.#find(check);
    const billId = known ?? (await this.#import(check));
    await this.#makeCurrent(billId, check);
    const newFindings = await this.#writeFindings(billId, check.findings);
    if (newFindings.length > 0) await this.#tell(billId, check);
    return { billId, isNew: known === undefined, newFindings };
  }

  async #find({ day, type, sha1 }: BillCheck): Promise<string | undefined> {
    const [row] = await this.#em.execute<Row[]>(
      `select bill_id from bill_imports where ${ofDay(day, type)} and sha1 = ${literal(sha1)}`,
    );
    return row?.["bill_id"] as string | undefined;
  }

  async #import(check: BillCheck): Promise<string> {
    const { day, type, sha1, bill } = check;
    const billId = this.#ids.next("bil", this.#nowMs);
    const now = timeText(this.#nowMs);
    const sums = [bill.rows.length, ...sumsOf(check)];
    await this.#insert(IMPORTS, [[billId, day.date, type, sha1, "CURRENT", ...sums, 0, now, now]]);
    if (check.type === "TRADE") {
      await this.#insert(
        ROWS,
        check.bill.rows.map((row) => rowCells(billId, row, this.#sealer)),
      );
    } else {
      await this.#insert(
        FLOW_ROWS,
        check.bill.rows.map((row) => flowCells(billId, row, this.#sealer)),
      );
    }
    return billId;
  }

  /** Another bill of the day has had its time, and what it found is found again or was its own fault. */
  async #makeCurrent(billId: string, { day, type, settled }: BillCheck): Promise<void> {
    const now = literal(timeText(this.#nowMs));
    await this.#run(
      `update bill_findings set clear_time = ${now} where clear_time is null and bill_id in
        (select bill_id from bill_imports where ${ofDay(day, type)} and bill_id <> ${literal(billId)})`,
    );
    await this.#run(
      `update bill_imports set state = if(bill_id = ${literal(billId)}, 'CURRENT', 'SUPERSEDED')
        where ${ofDay(day, type)}`,
    );
    await this.#run(
      `update bill_imports set check_time = ${now}, settled_count = settled_count + ${settled}
        where bill_id = ${literal(billId)}`,
    );
  }

  /** @returns those that didn't stand before */
  async #writeFindings(billId: string, findings: readonly BillFinding[]): Promise<BillFinding[]> {
    const rows = await this.#em.execute<Row[]>(
      `select finding_id, kind, order_id, subject, note, clear_time, state, steps from bill_findings
        where bill_id = ${literal(billId)} for update`,
    );
    const known = new Map(rows.map((row) => [findingKeyOfRow(row), row]));
    const found = new Map(findings.map((finding) => [findingKey(finding, this.#sealer), finding]));
    const gone = rows.filter(
      (row) => row["clear_time"] === null && !found.has(findingKeyOfRow(row)),
    );
    const back = rows.filter(
      (row) => row["clear_time"] !== null && found.has(findingKeyOfRow(row)),
    );
    await this.#setClear(gone, timeText(this.#nowMs));
    await this.#setClear(back, null);
    await this.#reopen(back.filter((row) => row["state"] === "RESOLVED"));
    await this.#renewNotes(rows, found);
    const added = [...found].filter(([key]) => !known.has(key)).map(([, finding]) => finding);
    const now = timeText(this.#nowMs);
    const cells = added.map((finding) =>
      findingCells(this.#ids.next("fnd", this.#nowMs), billId, finding, now, this.#sealer),
    );
    await this.#insert(FINDINGS, cells);
    return [...added, ...back.map((row) => found.get(findingKeyOfRow(row))!)];
  }

  /** What was said when somebody asked may be another thing the next time. */
  async #renewNotes(rows: readonly Row[], found: ReadonlyMap<string, BillFinding>): Promise<void> {
    for (const row of rows) {
      const note = found.get(findingKeyOfRow(row))?.note.slice(0, NOTE_MAX);
      if (note === undefined || note === row["note"]) continue;
      const id = literal(row["finding_id"] as string);
      await this.#run(`update bill_findings set note = ${literal(note)} where finding_id = ${id}`);
    }
  }

  async #setClear(rows: readonly Row[], time: string | null): Promise<void> {
    for (let at = 0; at < rows.length; at += INSERT_MAX) {
      const ids = listSql(
        rows.slice(at, at + INSERT_MAX).map((row) => row["finding_id"] as string),
      );
      await this.#run(
        `update bill_findings set clear_time = ${literal(time)} where finding_id in (${ids})`,
      );
    }
  }

  /** It was settled, then gone, and now it's back: what was said of it then need not hold any more. */
  async #reopen(rows: readonly Row[]): Promise<void> {
    const now = timeText(this.#nowMs);
    for (const row of rows) {
      const findingId = row["finding_id"] as string;
      const sequence = Number(row["steps"]) + 1;
      const step = {
        sequence,
        kind: "REOPENED",
        assignee: null,
        note: FOUND_AGAIN,
        actor: OURSELVES,
      } as const;
      await this.#insert(STEPS, [
        stepCells(findingId, { ...step, createTimeMs: this.#nowMs }, now),
      ]);
      await this.#run(
        `update bill_findings set state = 'OPEN', assignee = null, steps = ${sequence}
          where finding_id = ${literal(findingId)}`,
      );
    }
  }

  /** One event for a bill, however much differs: the findings are rows to be looked at. */
  async #tell(billId: string, { day, type, bill, findings, settled }: BillCheck): Promise<void> {
    const counts = FINDING_KINDS.map((kind) => [
      kind.toLowerCase(),
      findings.filter((finding) => finding.kind === kind).length,
    ]);
    const event = {
      eventId: nextEventId(this.#ids, this.#nowMs, null),
      type: "bill.finding",
      userId: null,
      subject: billId,
      payload: {
        bill_id: billId,
        bill_date: day.date,
        type,
        lines: bill.rows.length,
        findings: findings.length,
        settled_payments: settled,
        ...(Object.fromEntries(counts) as Record<string, number>),
      },
      createTimeMs: this.#nowMs,
    };
    await this.#insert(OUTBOX_EVENTS, [outboxCells(event)]);
  }

  async #insert(table: HotTable, rows: readonly (readonly Cell[])[]): Promise<void> {
    for (let at = 0; at < rows.length; at += INSERT_MAX) {
      await this.#run(insertSql(table, rows.slice(at, at + INSERT_MAX)));
    }
  }

  async #run(sql: string): Promise<void> {
    await this.#em.execute(sql, [], "run");
  }
}

function ofDay({ date }: BillDay, type: BillType): string {
  return `bill_date = ${literal(date)} and type = ${literal(type)}`;
}
