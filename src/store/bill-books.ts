/** Bills and their findings, written down: each bill once, whoever brings it and however often. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { nextEventId } from "../billing/event.ts";
import type { IdSource } from "../billing/id.ts";
import { FINDING_KINDS, type BillDay, type BillFinding, type BillRow } from "../billing/order/bill.ts";
import type { BillBooks, BillCheck, RecordedBill } from "../billing/order/check-bill.ts";
import { addDays, lockDay } from "./bill-days.ts";
import { readLedger } from "./bill-ledger.ts";
import { timeText, type Cell, type HotTable, type Row } from "./cell.ts";
import { stepCells, STEPS } from "./discrepancy-rows.ts";
import { transactionIndex } from "./order-rows.ts";
import { OUTBOX_EVENTS, outboxCells } from "./outbox-rows.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import type { Sealer } from "./sealer.ts";
import { insertSql, listSql, literal } from "./sql.ts";
import { inTransaction } from "./transaction.ts";

const IMPORTS: HotTable = {
  name: "bill_imports",
  columns: [
    "bill_id", "bill_date", "type", "sha1", "state", "line_count", "order_fen", "refund_fen",
    "fee_micro_yuan", "settled_count", "create_time", "check_time",
  ],
};
const ROWS: HotTable = {
  name: "bill_rows",
  columns: [
    "bill_id", "line", "kind", "time", "order_id", "transaction_index", "refund_id", "amount_fen",
    "fee_micro_yuan", "status",
  ],
};
const FINDINGS: HotTable = {
  name: "bill_findings",
  columns: [
    "finding_id", "bill_id", "kind", "order_id", "refund_id", "subject", "line", "amount_here_fen",
    "amount_there_fen", "note", "create_time", "clear_time",
  ],
};

/** Rows of one statement: some hundred kilobytes. */
const INSERT_MAX = 1_000;
/** What the columns take; what a bill says may be longer. */
const NUMBER_MAX = 64;
const NOTE_MAX = 255;
const STATUS_MAX = 24;
const FOUND_AGAIN = "the check finds it again";
/** Signs what the service does by itself. */
const OURSELVES = "billing-guard";

export interface BillContext extends DecisionTime {
  readonly ids: IdSource;
}

export function createBillBooks(orm: MikroORM, context: BillContext, sealer: Sealer): BillBooks {
  return {
    ledger: (day, bill) => readLedger(orm, sealer, day, bill),
    record: (check) =>
      inTransaction(orm, async (em) => {
        const { date } = check.day;
        // Whoever brings the same day's bill at the same time waits here, and then finds it.
        if (!(await lockDay(em, date))) {
          await addDays(em, context, [date]);
          await lockDay(em, date);
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

  async #find({ day, sha1 }: BillCheck): Promise<string | undefined> {
    const [row] = await this.#em.execute<Row[]>(
      `select bill_id from bill_imports where ${ofDay(day)} and sha1 = ${literal(sha1)}`,
    );
    return row?.["bill_id"] as string | undefined;
  }

  async #import({ day, sha1, bill }: BillCheck): Promise<string> {
    const billId = this.#ids.next("bil", this.#nowMs);
    const now = timeText(this.#nowMs);
    const { orderFen, requestedRefundFen, feeMicroYuan } = bill.totals;
    const sums = [bill.rows.length, orderFen, requestedRefundFen, feeMicroYuan];
    await this.#insert(IMPORTS, [[billId, day.date, "TRADE", sha1, "CURRENT", ...sums, 0, now, now]]);
    await this.#insert(ROWS, bill.rows.map((row) => this.#rowCells(billId, row)));
    return billId;
  }

  #rowCells(billId: string, row: BillRow): Cell[] {
    const { refund, transactionId } = row;
    return [
      billId,
      row.line,
      refund === null ? "PAYMENT" : "REFUND",
      timeText(row.timeMs),
      row.outTradeNo.slice(0, NUMBER_MAX),
      transactionIndex(transactionId, this.#sealer),
      refund === null ? null : refund.outRefundNo.slice(0, NUMBER_MAX),
      refund === null ? row.orderFen : refund.requestedFen,
      row.feeMicroYuan,
      refund === null ? "SUCCESS" : refund.status.slice(0, STATUS_MAX),
    ];
  }

  /** Another bill of the day has had its time, and what it found is found again or was its own fault. */
  async #makeCurrent(billId: string, { day, settled }: BillCheck): Promise<void> {
    const now = literal(timeText(this.#nowMs));
    await this.#run(
      `update bill_findings set clear_time = ${now} where clear_time is null and bill_id in
        (select bill_id from bill_imports where ${ofDay(day)} and bill_id <> ${literal(billId)})`,
    );
    await this.#run(
      `update bill_imports set state = if(bill_id = ${literal(billId)}, 'CURRENT', 'SUPERSEDED')
        where ${ofDay(day)}`,
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
    const known = new Map(rows.map((row) => [keyOfRow(row), row]));
    const found = new Map(findings.map((finding) => [this.#keyOf(finding), finding]));
    const gone = rows.filter((row) => row["clear_time"] === null && !found.has(keyOfRow(row)));
    const back = rows.filter((row) => row["clear_time"] !== null && found.has(keyOfRow(row)));
    await this.#setClear(gone, timeText(this.#nowMs));
    await this.#setClear(back, null);
    await this.#reopen(back.filter((row) => row["state"] === "RESOLVED"));
    await this.#renewNotes(rows, found);
    const added = [...found].filter(([key]) => !known.has(key)).map(([, finding]) => finding);
    await this.#insert(FINDINGS, added.map((finding) => this.#findingCells(billId, finding)));
    return [...added, ...back.map((row) => found.get(keyOfRow(row))!)];
  }

  /** What was said when somebody asked may be another thing the next time. */
  async #renewNotes(rows: readonly Row[], found: ReadonlyMap<string, BillFinding>): Promise<void> {
    for (const row of rows) {
      const note = found.get(keyOfRow(row))?.note.slice(0, NOTE_MAX);
      if (note === undefined || note === row["note"]) continue;
      const id = literal(row["finding_id"] as string);
      await this.#run(`update bill_findings set note = ${literal(note)} where finding_id = ${id}`);
    }
  }

  async #setClear(rows: readonly Row[], time: string | null): Promise<void> {
    for (let at = 0; at < rows.length; at += INSERT_MAX) {
      const ids = listSql(rows.slice(at, at + INSERT_MAX).map((row) => row["finding_id"] as string));
      await this.#run(`update bill_findings set clear_time = ${literal(time)} where finding_id in (${ids})`);
    }
  }

  /** It was settled, then gone, and now it's back: what was said of it then need not hold any more. */
  async #reopen(rows: readonly Row[]): Promise<void> {
    const now = timeText(this.#nowMs);
    for (const row of rows) {
      const findingId = row["finding_id"] as string;
      const sequence = Number(row["steps"]) + 1;
      const step = { sequence, kind: "REOPENED", assignee: null, note: FOUND_AGAIN, actor: OURSELVES } as const;
      await this.#insert(STEPS, [stepCells(findingId, { ...step, createTimeMs: this.#nowMs }, now)]);
      await this.#run(
        `update bill_findings set state = 'OPEN', assignee = null, steps = ${sequence}
          where finding_id = ${literal(findingId)}`,
      );
    }
  }

  #findingCells(billId: string, finding: BillFinding): Cell[] {
    return [
      this.#ids.next("fnd", this.#nowMs),
      billId,
      finding.kind,
      finding.orderId.slice(0, NUMBER_MAX),
      finding.refundId === null ? null : finding.refundId.slice(0, NUMBER_MAX),
      this.#subjectOf(finding),
      finding.line,
      finding.amountHereFen,
      finding.amountThereFen,
      finding.note.slice(0, NOTE_MAX),
      timeText(this.#nowMs),
      null,
    ];
  }

  #subjectOf({ transactionId, refundId }: BillFinding): string {
    if (refundId !== null) return refundId.slice(0, NUMBER_MAX);
    return transactionIndex(transactionId ?? "", this.#sealer);
  }

  #keyOf(finding: BillFinding): string {
    return [finding.kind, finding.orderId.slice(0, NUMBER_MAX), this.#subjectOf(finding)].join(" ");
  }

  /** One event for a bill, however much differs: the findings are rows to be looked at. */
  async #tell(billId: string, { day, bill, findings, settled }: BillCheck): Promise<void> {
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
        type: "TRADE",
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

function ofDay({ date }: BillDay): string {
  return `bill_date = ${literal(date)} and type = 'TRADE'`;
}

function keyOfRow(row: Row): string {
  return [row["kind"], row["order_id"], row["subject"]].join(" ");
}
