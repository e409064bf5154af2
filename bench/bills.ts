/** A day with ten thousand payments, and WeChat Pay's bills of it as text: what is read, compared and written is real. */
import { createHash } from "node:crypto";
import type { MikroORM } from "@mikro-orm/mysql";
import type { BillSource } from "../src/billing/order/check-bill.ts";
import {
  COLUMNS,
  feeYuan,
  printBill,
  summaryOf,
  yuan,
  type BillKind,
  type BillRow,
} from "../src/simulator/bill-layout.ts";
import { timeText } from "../src/store/cell.ts";
import { transactionIndex } from "../src/store/order-rows.ts";
import type { Sealer } from "../src/store/sealer.ts";
import { literal } from "../src/store/sql.ts";
import { createBillSource } from "../src/wechat/bill-source.ts";

export const BILL_PAYMENTS = 10_000;
const PRICE_FEN = 9_900n;
const FEE_FEN = 59n;
const ROWS_PER_STATEMENT = 1_000;
/** Ten thousand of them fit into the day. */
const EVERY_MS = 8_000;
const SHANGHAI_OFFSET_MS = 8 * 3_600_000;

interface Paid {
  readonly orderId: string;
  readonly transactionId: string;
  readonly timeMs: number;
}

/** Writes payments of a day down, as the service keeps them. */
export async function bookPayments(
  orm: MikroORM,
  sealer: Sealer,
  startMs: number,
): Promise<Paid[]> {
  const paid = Array.from({ length: BILL_PAYMENTS }, (_, at) => ({
    orderId: `ord_bill_${String(at).padStart(6, "0")}`,
    transactionId: `4299${String(at).padStart(24, "0")}`,
    timeMs: startMs + at * EVERY_MS,
  }));
  const em = orm.em.fork();
  for (let from = 0; from < paid.length; from += ROWS_PER_STATEMENT) {
    const some = paid.slice(from, from + ROWS_PER_STATEMENT);
    const id = ({ orderId }: Paid) => literal(orderId.replace("ord", "pay"));
    const payments = some.map((each) => {
      const time = literal(timeText(each.timeMs));
      const index = literal(transactionIndex(each.transactionId, sealer));
      return `(${id(each)}, ${literal(each.orderId)}, 'bench', ${index}, ${PRICE_FEN}, 'CNY', ${time}, 'GRANTED', 'QUERY', '', ${time})`;
    });
    const numbers = some.map((each) => {
      const context = `payment_numbers.transaction_sealed:${each.orderId.replace("ord", "pay")}`;
      return `(${id(each)}, ${literal(sealer.seal(each.transactionId, context))})`;
    });
    const columns =
      "payment_id, order_id, user_id, transaction_index, amount_fen, currency, pay_time, disposition, source, note, create_time";
    await em.execute(`insert into payments (${columns}) values ${payments.join(",")}`, [], "run");
    await em.execute(
      `insert into payment_numbers (payment_id, transaction_sealed) values ${numbers.join(",")}`,
      [],
      "run",
    );
  }
  return paid;
}

/** Bills of these payments, as they would have been downloaded. */
export function billsOf(paid: readonly Paid[]): BillSource {
  const trade = print("ALL", paid.map(tradeRow));
  const flow = print("FUND", paid.flatMap(flowRows));
  const ready = (bytes: Buffer) => {
    const sha1 = createHash("sha1").update(bytes).digest("hex");
    return Promise.resolve({ kind: "ready", bytes, sha1 } as const);
  };
  return createBillSource({ tradeBill: () => ready(trade), fundFlowBill: () => ready(flow) });
}

function print(kind: BillKind, rows: readonly BillRow[]): Buffer {
  return printBill({ columns: COLUMNS[kind], rows, summary: summaryOf(kind, rows, "plain") });
}

function billTime(ms: number): string {
  return new Date(ms + SHANGHAI_OFFSET_MS).toISOString().slice(0, 19).replace("T", " ");
}

function tradeRow({ orderId, transactionId, timeMs }: Paid): BillRow {
  return {
    交易时间: billTime(timeMs),
    公众账号ID: "wx0000000000000000",
    商户号: "1900000001",
    特约商户号: "0",
    微信订单号: transactionId,
    商户订单号: orderId,
    用户标识: "o-bench",
    交易类型: "NATIVE",
    交易状态: "SUCCESS",
    付款银行: "OTHERS",
    货币种类: "CNY",
    应结订单金额: yuan(PRICE_FEN),
    代金券金额: "0.00",
    微信退款单号: "0",
    商户退款单号: "0",
    退款金额: "0.00",
    充值券退款金额: "0.00",
    商品名称: "月度会员",
    手续费: feeYuan(FEE_FEN),
    费率: "0.60%",
    订单金额: yuan(PRICE_FEN),
    申请退款金额: "0.00",
  };
}

function flowRows({ orderId, transactionId, timeMs }: Paid): BillRow[] {
  const common = {
    记账时间: billTime(timeMs),
    微信支付业务单号: transactionId,
    "账户结余(元)": "0.00",
    资金变更提交申请人: "system",
    业务凭证号: orderId,
  };
  const line = (name: string, direction: string, fen: bigint): BillRow => ({
    ...common,
    资金流水单号: `${transactionId}${direction === "收入" ? "1" : "2"}`,
    业务名称: name,
    业务类型: name,
    收支类型: direction,
    "收支金额(元)": yuan(fen),
    备注: name,
  });
  return [line("交易", "收入", PRICE_FEN), line("扣除交易手续费", "支出", FEE_FEN)];
}
