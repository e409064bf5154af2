/** Bills and their findings, written down: each bill once, whoever brings it and however often. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import type { IdSource } from "../billing/id.ts";
import type { BillDay } from "../billing/order/bill.ts";
import type { BillBooks, BillCheck, BillType, RecordedBill } from "../billing/order/check-bill.ts";
import { addDays, lockDay } from "./bill-days.ts";
import { readLedger } from "./bill-ledger.ts";
import { flowCells, FLOW_ROWS, foundOf, IMPORTS, rowCells, ROWS, sumsOf } from "./bill-rows.ts";
import { readFlowLedger } from "./flow-ledger.ts";
import { timeText, type Cell, type HotTable, type Row } from "./cell.ts";
import { FindingBooks } from "./findings.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import type { Sealer } from "./sealer.ts";
import { insertSql, literal } from "./sql.ts";
import { inTransaction } from "./transaction.ts";

/** Rows of one statement: some hundred kilobytes. */
const INSERT_MAX = 1_000;

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
  readonly #findings: FindingBooks;

  constructor(em: EntityManager, ids: IdSource, sealer: Sealer, nowMs: number) {
    this.#em = em;
    this.#ids = ids;
    this.#sealer = sealer;
    this.#nowMs = nowMs;
    this.#findings = new FindingBooks(em, ids, nowMs);
  }

  async record(check: BillCheck): Promise<RecordedBill> {
    const known = await this.#find(check);
    const billId = known ?? (await this.#import(check));
    await this.#makeCurrent(billId, check);
    const { day, type, bill, settled } = check;
    const compared = { billId, date: day.date, type, lines: bill.rows.length, settled };
    const found = check.findings.map((finding) => foundOf(finding, this.#sealer));
    const newFindings = await this.#findings.write(compared, found);
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
    await this.#findings.clear(
      `select bill_id from bill_imports where ${ofDay(day, type)} and bill_id <> ${literal(billId)}`,
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
