/** WeChat Pay's bills in the demo of finance: what it would send for a day of the books, with one line that is wrong. */
import { createHash } from "node:crypto";
import type { MikroORM } from "@mikro-orm/mysql";
import { sum, type Fen } from "../billing/money.ts";
import {
  billDay,
  EMPTY_BILL,
  type Bill,
  type BillLedger,
  type BillRow,
} from "../billing/order/bill.ts";
import type { BillParts, BillSource } from "../billing/order/check-bill.ts";
import type { FlowBill, FlowKind, FlowRow } from "../billing/order/flow-bill.ts";
import type { Command } from "../billing/quota/desk.ts";
import { dayNumber, dayText } from "../billing/report/days.ts";
import { assignDiscrepancy, type Discrepancy } from "../billing/report/discrepancy.ts";
import { createReconciler } from "../billing/report/reconcile.ts";
import { readable } from "../report/format.ts";
import { createBillBooks, type BillContext } from "../store/bill-books.ts";
import { createCostReader } from "../store/cost-reader.ts";
import {
  createDiscrepancyBooks,
  createDiscrepancyReader,
  createReconciliationBooks,
} from "../store/discrepancy-books.ts";
import type { Sealer } from "../store/sealer.ts";

export interface BillRoom {
  readonly orm: MikroORM;
  readonly context: BillContext;
  readonly sealer: Sealer;
  /** YYYY-MM. */
  readonly month: string;
  readonly say: (line: string) => void;
}

/** As the seeded year's provider takes it: 0.6 %, in millionths of a yuan of each fen. */
const FEE_OF_A_FEN = 60n;
const MICRO_YUAN_PER_FEN = 10_000n;
/** The account got so much less for one payment than it should have. */
const WRONG_BY_FEN = 100n;
const DAYS_BACK = 27;

/** Compares both bills of a day, and asks somebody to look into what differs. */
export async function reconcileBills(
  { orm, context, sealer, month, say }: BillRoom,
  command: <Input>(input: Input) => Command<Input>,
): Promise<void> {
  const books = createBillBooks(orm, context, sealer);
  const ledger = await busyDay(month, (day) => books.ledger(day, EMPTY_BILL));
  if (ledger === undefined) return say("bills     no payments to compare");
  const trade = tradeBill(ledger);
  const parts = { books, source: sourceOf(trade, flowBill(trade)) };
  // Its bills agree about every payment: nobody has to be asked.
  const reconciler = createReconciler({
    bills: parts as BillParts,
    costs: createCostReader(orm),
    books: createReconciliationBooks(orm, context),
    isFault: () => false,
  });
  const { date } = ledger.day;
  for (const source of ["WECHAT_TRADE", "WECHAT_FUND_FLOW"] as const) {
    const { answer } = await reconciler.reconcile(command({ date, source }));
    const found = answer.discrepancies === 1 ? "1 difference" : `${answer.discrepancies} differences`;
    say(`bills     ${date} ${source}: ${answer.lines} lines, ${found}`);
  }
  const filter = { startDate: date, endDate: date, kind: null, source: null, orderId: null };
  const open = await createDiscrepancyReader(orm).listDiscrepancies(
    { ...filter, state: "OPEN" },
    { after: null, limit: 5 },
  );
  const desk = createDiscrepancyBooks(orm, context);
  for (const found of open) {
    const input = { discrepancyId: found.discrepancyId, assignee: "lin", note: "ask WeChat Pay" };
    const { answer } = await desk.serve(assignDiscrepancy, command(input));
    say(`          ${lineOf(answer)}, ${answer.state} to ${answer.assignee}`);
  }
}

function lineOf({ kind, orderId, amountHereFen, amountThereFen }: Discrepancy): string {
  const yuan = (fen: Fen | null) => (fen === null ? "-" : readable(fen, "FEN"));
  return `${kind} ${orderId} here ${yuan(amountHereFen)} there ${yuan(amountThereFen)}`;
}

type Day = BillLedger["day"];

/** The latest day of the month with some payments and a refund, or with payments at least. */
async function busyDay(
  month: string,
  ledgerOf: (day: Day) => Promise<BillLedger>,
): Promise<BillLedger | undefined> {
  const last = dayNumber(Date.parse(`${month}-28T00:00:00+08:00`));
  let fair: BillLedger | undefined;
  for (let back = 0; back < DAYS_BACK; back++) {
    const ledger = await ledgerOf(billDay(dayText(last - back))!);
    const hasPayments = ledger.payments.length > 1;
    if (hasPayments && ledger.refunds.length > 0) return ledger;
    if (hasPayments) fair ??= ledger;
  }
  return fair;
}

function tradeBill({ payments, refunds }: BillLedger): Bill {
  const bought = payments.map((paid) => ({
    timeMs: paid.payTimeMs,
    transactionId: paid.transactionId,
    outTradeNo: paid.orderId,
    currency: paid.currency,
    orderFen: paid.amountFen,
    feeMicroYuan: paid.amountFen * FEE_OF_A_FEN,
    refund: null,
  }));
  const back = refunds.map(({ refundId, orderId, amountFen, state, acceptTimeMs }) => ({
    timeMs: acceptTimeMs ?? 0,
    transactionId: refundId,
    outTradeNo: orderId,
    currency: "CNY",
    orderFen: 0n,
    feeMicroYuan: -amountFen * FEE_OF_A_FEN,
    refund: {
      outRefundNo: refundId,
      requestedFen: amountFen,
      status: state === "SUCCEEDED" ? "SUCCESS" : "PROCESSING",
    },
  }));
  const rows: BillRow[] = [...bought, ...back].map((row, at) => ({ ...row, line: at + 2 }));
  return {
    rows,
    totals: {
      orderFen: sum(rows.map(({ orderFen }) => orderFen)),
      requestedRefundFen: sum(rows.map(({ refund }) => refund?.requestedFen ?? 0n)),
      feeMicroYuan: sum(rows.map(({ feeMicroYuan }) => feeMicroYuan)),
    },
  };
}

const NAMES: Readonly<Record<"PAYMENT" | "FEE" | "REFUND", string>> = {
  PAYMENT: "交易",
  FEE: "扣除交易手续费",
  REFUND: "退款",
};

/** What the account saw of the trade bill, but for the first payment, of which a yuan is missing. */
function flowBill({ rows: trades }: Bill): FlowBill {
  const rows: FlowRow[] = [];
  let balanceFen = 0n;
  const add = (kind: keyof typeof NAMES & FlowKind, trade: BillRow, amountFen: Fen) => {
    balanceFen += amountFen;
    rows.push({
      line: rows.length + 2,
      kind,
      timeMs: trade.timeMs,
      businessNumber: trade.transactionId,
      flowId: `${trade.transactionId.slice(-20)}-${rows.length}`,
      businessName: NAMES[kind],
      amountFen,
      balanceFen,
      voucher: trade.refund?.outRefundNo ?? "",
    });
  };
  for (const [at, trade] of trades.entries()) {
    const feeFen = roundedFen(trade.feeMicroYuan);
    if (trade.refund !== null) add("REFUND", trade, -(trade.refund.requestedFen + feeFen));
    else {
      add("PAYMENT", trade, trade.orderFen - (at === 0 ? WRONG_BY_FEN : 0n));
      if (feeFen > 0n) add("FEE", trade, -feeFen);
    }
  }
  const part = (isIn: boolean) =>
    sum(rows.map(({ amountFen }) => (amountFen > 0n === isIn ? amountFen : 0n)));
  return { rows, totals: { inFen: part(true), outFen: -part(false) } };
}

/** Half away from zero. */
function roundedFen(microYuan: bigint): Fen {
  const half = (MICRO_YUAN_PER_FEN / 2n) * (microYuan < 0n ? -1n : 1n);
  return (microYuan + half) / MICRO_YUAN_PER_FEN;
}

function sourceOf(trade: Bill, flow: FlowBill): BillSource {
  const ready = <Content extends Bill | FlowBill>(bill: Content) => {
    const text = JSON.stringify(bill, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
    const sha1 = createHash("sha1").update(text).digest("hex");
    return Promise.resolve({ kind: "ready", bill, sha1 } as const);
  };
  return { tradeBill: () => ready(trade), fundFlowBill: () => ready(flow) };
}
