/** WeChat Pay's side of a seeded year: numbers of payments, and a bill of each day. */
import { shanghaiDay } from "../../billing/calendar.ts";
import type { OrderId, RefundId } from "../../billing/id.ts";
import { sum } from "../../billing/money.ts";
import type { Order, Refund } from "../../billing/order/order.ts";
import { IMPORTS, ROWS } from "../../store/bill-rows.ts";
import { timeText, type Cell } from "../../store/cell.ts";
import { transactionIndex } from "../../store/order-rows.ts";
import type { Sealer } from "../../store/sealer.ts";
import type { Records } from "./records.ts";
import type { World } from "./world.ts";

/** 0.6 %, of fen in millionths of a yuan. */
const FEE_OF_A_FEN = 60n;

interface Line {
  readonly kind: "PAYMENT" | "REFUND";
  readonly timeMs: number;
  readonly orderId: OrderId;
  readonly refundId: RefundId | null;
  readonly transactionId: string;
  readonly amountFen: bigint;
  readonly feeMicroYuan: bigint;
  readonly status: string;
}

interface ListedPayment {
  readonly order: Pick<Order, "orderId">;
  readonly transactionId: string;
  readonly amountFen: bigint;
  readonly timeMs: number;
}

interface ListedRefund {
  readonly refund: Pick<Refund, "orderId" | "refundId" | "amountFen">;
  readonly transactionId: string;
  readonly timeMs: number;
  readonly status: string;
}

export class Provider {
  readonly #world: World;
  readonly #records: Records;
  readonly #sealer: Sealer;
  readonly #days = new Map<string, Line[]>();
  #transactions = 0;

  constructor(world: World, records: Records, sealer: Sealer) {
    this.#world = world;
    this.#records = records;
    this.#sealer = sealer;
  }

  newTransaction(): string {
    const number = String((this.#transactions += 1)).padStart(10, "0");
    return `42${String(this.#world.dice.between(0, 999_999)).padStart(8, "0")}${number}`;
  }

  listPayment({ order: { orderId }, transactionId, amountFen, timeMs }: ListedPayment): void {
    const feeMicroYuan = amountFen * FEE_OF_A_FEN;
    const of = { orderId, refundId: null, transactionId, amountFen, feeMicroYuan };
    this.#list({ kind: "PAYMENT", timeMs, ...of, status: "SUCCESS" });
  }

  listRefund({ refund, transactionId, timeMs, status }: ListedRefund): void {
    const { orderId, refundId, amountFen } = refund;
    const feeMicroYuan = -amountFen * FEE_OF_A_FEN;
    const of = { orderId, refundId, transactionId, amountFen, feeMicroYuan };
    this.#list({ kind: "REFUND", timeMs, ...of, status });
  }

  /** Writes the day's bill down, made now. @param state of the import; `isWrong`: with a fee too much */
  importBill(date: string, state: "CURRENT" | "SUPERSEDED", isWrong: boolean): void {
    const { dice, ids, now } = this.#world;
    const lines = [...(this.#days.get(date) ?? [])].sort((one, other) => one.timeMs - other.timeMs);
    const first = lines[0];
    if (first === undefined) return;
    if (isWrong) lines[0] = { ...first, feeMicroYuan: first.feeMicroYuan + 12_340n };
    const billId = ids.next("bil", now());
    const fen = (wanted: Line["kind"]) =>
      sum(lines.filter(({ kind }) => kind === wanted).map(({ amountFen }) => amountFen));
    const fees = sum(lines.map(({ feeMicroYuan }) => feeMicroYuan));
    const sha1 = Array.from({ length: 40 }, () => dice.between(0, 15).toString(16)).join("");
    const sums = [lines.length, fen("PAYMENT"), fen("REFUND"), fees, 0];
    const at = timeText(now());
    this.#records.add(IMPORTS, [billId, date, "TRADE", sha1, state, ...sums, at, at]);
    lines.forEach((line, number) => this.#records.add(ROWS, this.#cells(billId, number + 1, line)));
  }

  #list(line: Line): void {
    const date = shanghaiDay(line.timeMs);
    const lines = this.#days.get(date);
    if (lines === undefined) this.#days.set(date, [line]);
    else lines.push(line);
  }

  #cells(billId: string, line: number, row: Line): Cell[] {
    return [
      billId,
      line,
      row.kind,
      timeText(row.timeMs),
      row.orderId,
      transactionIndex(row.transactionId, this.#sealer),
      row.refundId,
      row.amountFen,
      row.feeMicroYuan,
      row.status,
    ];
  }
}
