/** What comparisons find, written down: what stands, what has gone, and what has come back. */
import type { EntityManager } from "@mikro-orm/mysql";
import { nextEventId } from "../billing/event.ts";
import type { IdSource } from "../billing/id.ts";
import { FINDING_KINDS, type FindingKind } from "../billing/order/bill.ts";
import { timeText, type Cell, type HotTable, type Row } from "./cell.ts";
import { stepCells, STEPS } from "./discrepancy-rows.ts";
import { OUTBOX_EVENTS, outboxCells } from "./outbox-rows.ts";
import { insertSql, listSql, literal } from "./sql.ts";

const FINDINGS: HotTable = {
  name: "bill_findings",
  columns: [
    "finding_id",
    "bill_id",
    "kind",
    "order_id",
    "refund_id",
    "subject",
    "line",
    "amount_here_fen",
    "amount_there_fen",
    "amount_here_micro_yuan",
    "amount_there_micro_yuan",
    "note",
    "create_time",
    "clear_time",
  ],
};

/** Rows of one statement: some hundred kilobytes. */
const INSERT_MAX = 1_000;
const NOTE_MAX = 255;
const FOUND_AGAIN = "the check finds it again";
/** Signs what the service does by itself. */
const OURSELVES = "billing-guard";

/** One difference. Kind, order and subject tell it from the bill's others. */
export interface Found<Of> {
  readonly of: Of;
  readonly kind: FindingKind;
  /** Empty where no order is behind it. */
  readonly orderId: string;
  readonly refundId: string | null;
  readonly subject: string;
  readonly line: number | null;
  readonly note: string;
  /** Fen for payments and refunds, micro-yuan for costs; null where that side has none. */
  readonly unit: "FEN" | "MICRO_YUAN";
  readonly here: bigint | null;
  readonly there: bigint | null;
}

/** What is told of a bill in which something is new. */
export interface ComparedBill {
  readonly billId: string;
  /** YYYY-MM-DD, or YYYY-MM for a vendor's. */
  readonly date: string;
  readonly type: string;
  readonly lines: number;
  readonly settled: number;
}

/** Writes within one transaction, at one moment. */
export class FindingBooks {
  readonly #em: EntityManager;
  readonly #ids: IdSource;
  readonly #nowMs: number;

  constructor(em: EntityManager, ids: IdSource, nowMs: number) {
    this.#em = em;
    this.#ids = ids;
    this.#nowMs = nowMs;
  }

  /**
   * Writes down what differs now, and tells of it when anything is new.
   * @returns those that didn't stand before
   */
  async write<Of>(bill: ComparedBill, all: readonly Found<Of>[]): Promise<Of[]> {
    const { billId } = bill;
    const rows = await this.#em.execute<Row[]>(
      `select * from bill_findings where bill_id = ${literal(billId)} for update`,
    );
    const known = new Set(rows.map(keyOfRow));
    const found = new Map(all.map((each) => [keyOf(each), each]));
    const gone = rows.filter((row) => row["clear_time"] === null && !found.has(keyOfRow(row)));
    const back = rows.filter((row) => row["clear_time"] !== null && found.has(keyOfRow(row)));
    await this.#setClear(gone, timeText(this.#nowMs));
    await this.#setClear(back, null);
    await this.#reopen(back.filter((row) => row["state"] === "RESOLVED"));
    await this.#renew(rows, found);
    const added = [...found].filter(([key]) => !known.has(key)).map(([, each]) => each);
    await this.#insert(
      FINDINGS,
      added.map((each) => this.#cells(billId, each)),
    );
    const news = [...added, ...back.map((row) => found.get(keyOfRow(row))!)];
    if (news.length > 0) await this.#tell(bill, all);
    return news.map(({ of }) => of);
  }

  /** Another bill has taken the place of these. @param billIds SQL that selects them */
  async clear(billIds: string): Promise<void> {
    await this.#run(
      `update bill_findings set clear_time = ${literal(timeText(this.#nowMs))}
        where clear_time is null and bill_id in (${billIds})`,
    );
  }

  #cells<Of>(billId: string, found: Found<Of>): Cell[] {
    const { kind, orderId, refundId, subject, line, here, there, unit, note } = found;
    const amounts = unit === "FEN" ? [here, there, null, null] : [null, null, here, there];
    return [
      this.#ids.next("fnd", this.#nowMs),
      billId,
      kind,
      orderId,
      refundId,
      subject,
      line,
      ...amounts,
      note.slice(0, NOTE_MAX),
      timeText(this.#nowMs),
      null,
    ];
  }

  /** The books go on, and what was said when somebody asked may be another thing the next time. */
  async #renew<Of>(rows: readonly Row[], found: ReadonlyMap<string, Found<Of>>): Promise<void> {
    for (const row of rows) {
      const now = found.get(keyOfRow(row));
      if (now === undefined) continue;
      const unit = now.unit.toLowerCase();
      const values: Readonly<Record<string, Cell>> = {
        note: now.note.slice(0, NOTE_MAX),
        [`amount_here_${unit}`]: now.here,
        [`amount_there_${unit}`]: now.there,
      };
      const changed = Object.entries(values).filter(
        ([column, value]) => String(row[column]) !== String(value),
      );
      if (changed.length === 0) continue;
      const sets = changed.map(([column, value]) => `${column} = ${literal(value)}`).join(", ");
      const id = literal(row["finding_id"] as string);
      await this.#run(`update bill_findings set ${sets} where finding_id = ${id}`);
    }
  }

  async #setClear(rows: readonly Row[], time: string | null): Promise<void> {
    for (let at = 0; at < rows.length; at += INSERT_MAX) {
      const some = rows.slice(at, at + INSERT_MAX);
      const ids = listSql(some.map((row) => row["finding_id"] as string));
      await this.#run(
        `update bill_findings set clear_time = ${literal(time)} where finding_id in (${ids})`,
      );
    }
  }

  /** It was settled, then gone, and now it's back: what was said of it then need not hold any more. */
  async #reopen(rows: readonly Row[]): Promise<void> {
    const step = { kind: "REOPENED", assignee: null, note: FOUND_AGAIN, actor: OURSELVES } as const;
    for (const row of rows) {
      const findingId = row["finding_id"] as string;
      const sequence = Number(row["steps"]) + 1;
      const taken = { ...step, sequence, createTimeMs: this.#nowMs };
      await this.#insert(STEPS, [stepCells(findingId, taken, timeText(this.#nowMs))]);
      await this.#run(
        `update bill_findings set state = 'OPEN', assignee = null, steps = ${sequence}
          where finding_id = ${literal(findingId)}`,
      );
    }
  }

  /** One event for a bill, however much differs: the findings are rows to be looked at. */
  async #tell<Of>(
    { billId, date, type, lines, settled }: ComparedBill,
    found: readonly Found<Of>[],
  ): Promise<void> {
    const counts = FINDING_KINDS.map((kind) => [
      kind.toLowerCase(),
      found.filter((each) => each.kind === kind).length,
    ]);
    const event = {
      eventId: nextEventId(this.#ids, this.#nowMs, null),
      type: "bill.finding",
      userId: null,
      subject: billId,
      payload: {
        bill_id: billId,
        bill_date: date,
        type,
        lines,
        findings: found.length,
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

function keyOf<Of>({ kind, orderId, subject }: Found<Of>): string {
  return [kind, orderId, subject].join(" ");
}

function keyOfRow(row: Row): string {
  return [row["kind"], row["order_id"], row["subject"]].join(" ");
}
