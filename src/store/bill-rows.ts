/** Bills and findings as their tables keep them. */
import { sum } from "../billing/money.ts";
import type { BillFinding, BillRow } from "../billing/order/bill.ts";
import type { BillCheck } from "../billing/order/check-bill.ts";
import type { LinkedRow } from "../billing/order/flow-bill.ts";
import { timeText, type Cell, type HotTable } from "./cell.ts";
import type { Found } from "./findings.ts";
import { transactionIndex } from "./order-rows.ts";
import type { Sealer } from "./sealer.ts";

/** What a bill says of itself, and how far it is checked. */
export const IMPORTS: HotTable = {
  name: "bill_imports",
  columns: [
    "bill_id",
    "bill_date",
    "type",
    "sha1",
    "state",
    "line_count",
    "order_fen",
    "refund_fen",
    "fee_micro_yuan",
    "settled_count",
    "create_time",
    "check_time",
  ],
};
export const ROWS: HotTable = {
  name: "bill_rows",
  columns: [
    "bill_id",
    "line",
    "kind",
    "time",
    "order_id",
    "transaction_index",
    "refund_id",
    "amount_fen",
    "fee_micro_yuan",
    "status",
  ],
};
export const FLOW_ROWS: HotTable = {
  name: "fund_flow_rows",
  columns: [
    "bill_id",
    "line",
    "kind",
    "time",
    "business_index",
    "flow_id",
    "business_name",
    "order_id",
    "refund_id",
    "amount_fen",
    "balance_fen",
  ],
};
/** What the columns take; what a bill says may be longer. */
const NUMBER_MAX = 64;
const STATUS_MAX = 24;

export function rowCells(billId: string, row: BillRow, sealer: Sealer): Cell[] {
  const { refund, transactionId } = row;
  return [
    billId,
    row.line,
    refund === null ? "PAYMENT" : "REFUND",
    timeText(row.timeMs),
    row.outTradeNo.slice(0, NUMBER_MAX),
    transactionIndex(transactionId, sealer),
    refund === null ? null : refund.outRefundNo.slice(0, NUMBER_MAX),
    refund === null ? row.orderFen : refund.requestedFen,
    row.feeMicroYuan,
    refund === null ? "SUCCESS" : refund.status.slice(0, STATUS_MAX),
  ];
}

export function flowCells(billId: string, row: LinkedRow, sealer: Sealer): Cell[] {
  return [
    billId,
    row.line,
    row.kind,
    timeText(row.timeMs),
    transactionIndex(row.businessNumber, sealer),
    row.flowId.slice(0, NUMBER_MAX),
    row.businessName.slice(0, NUMBER_MAX),
    row.orderId,
    row.refundId?.slice(0, NUMBER_MAX) ?? null,
    row.amountFen,
    row.balanceFen,
  ];
}

export function foundOf(finding: BillFinding, sealer: Sealer): Found<BillFinding> {
  const { kind, orderId, refundId, line, note, amountHereFen, amountThereFen } = finding;
  return {
    of: finding,
    kind,
    orderId: orderId.slice(0, NUMBER_MAX),
    refundId: refundId === null ? null : refundId.slice(0, NUMBER_MAX),
    subject: subjectOf(finding, sealer),
    line,
    note,
    unit: "FEN",
    here: amountHereFen,
    there: amountThereFen,
  };
}

/** A refund's number or a payment's keyed hash, and what of it is meant. */
function subjectOf({ transactionId, refundId, aspect }: BillFinding, sealer: Sealer): string {
  const subject = refundId ?? transactionIndex(transactionId ?? "", sealer);
  return (aspect === undefined ? subject : `${aspect.toLowerCase()}:${subject}`).slice(
    0,
    NUMBER_MAX,
  );
}

/** What came in, what went out, and fees in micro-yuan. */
export function sumsOf(check: BillCheck): bigint[] {
  if (check.type === "TRADE") {
    const { orderFen, requestedRefundFen, feeMicroYuan } = check.bill.totals;
    return [orderFen, requestedRefundFen, feeMicroYuan];
  }
  const { rows, totals } = check.bill;
  const fees = sum(rows.filter(({ kind }) => kind === "FEE").map(({ amountFen }) => amountFen));
  return [totals.inFen, totals.outFen, -fees * MICRO_YUAN_PER_FEN];
}

const MICRO_YUAN_PER_FEN = 10_000n;
