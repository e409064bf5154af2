/** The fund-flow bill (documentation: "资金账单"): every movement of the merchant's account in a day. */
import type { Fen } from "../billing/money.ts";
import { sum } from "../billing/money.ts";
import { BillFault, mustAddUp, readTable, type BillRow } from "./bill-table.ts";

export interface FundFlowRow {
  /** In the file, from 1. */
  readonly line: number;
  /** When it was booked; milliseconds since 1970. */
  readonly timeMs: number;
  /** Of the payment, refund or withdrawal behind it. */
  readonly transactionId: string;
  readonly flowId: string;
  /** Such as 交易, 退款, 扣除交易手续费, as it is printed. */
  readonly businessName: string;
  readonly businessType: string;
  readonly direction: "IN" | "OUT";
  /** Never negative. */
  readonly amountFen: Fen;
  /** What was left in the account. */
  readonly balanceFen: Fen;
  readonly applicant: string;
  readonly remark: string;
  /** For a refund, our number of it. */
  readonly voucher: string;
}

export interface FundFlowBill {
  readonly rows: readonly FundFlowRow[];
  /** From the summary, which the rows were found to agree with. */
  readonly totals: {
    readonly inCount: number;
    readonly inFen: Fen;
    readonly outCount: number;
    readonly outFen: Fen;
  };
}

const FEN = 2;
const DIRECTIONS: ReadonlyMap<string, FundFlowRow["direction"]> = new Map([
  ["收入", "IN"],
  ["支出", "OUT"],
]);

/**
 * @param bytes the bill as `fundFlowBill` gives it
 * @throws BillFault with the line when anything is not understood, or doesn't add up
 */
export function parseFundFlowBill(bytes: Uint8Array): FundFlowBill {
  const { rows: cells, summary } = readTable(bytes);
  const rows = cells.map(readRow);
  mustAddUp(summary, "资金流水总笔数", BigInt(summary.count("资金流水总笔数")), BigInt(rows.length));
  const side = (direction: FundFlowRow["direction"], countName: string, amountName: string) => {
    const those = rows.filter((row) => row.direction === direction);
    const count = summary.count(countName);
    const amountFen = summary.yuan(FEN, amountName);
    mustAddUp(summary, countName, BigInt(count), BigInt(those.length));
    mustAddUp(summary, amountName, amountFen, sum(those.map((row) => row.amountFen)));
    return [count, amountFen] as const;
  };
  const [inCount, inFen] = side("IN", "收入笔数", "收入金额");
  const [outCount, outFen] = side("OUT", "支出笔数", "支出金额");
  return { rows, totals: { inCount, inFen, outCount, outFen } };
}

function readRow(row: BillRow): FundFlowRow {
  const direction = DIRECTIONS.get(row.text("收支类型"));
  if (direction === undefined) throw new BillFault("收支类型 is neither 收入 nor 支出", row.line);
  const amountFen = row.yuan(FEN, "收支金额(元)", "收支金额（元）");
  if (amountFen < 0n) throw new BillFault("收支金额 is negative", row.line);
  return {
    line: row.line,
    timeMs: row.timeMs("记账时间"),
    transactionId: row.text("微信支付业务单号"),
    flowId: row.text("资金流水单号"),
    businessName: row.text("业务名称"),
    businessType: row.text("业务类型"),
    direction,
    amountFen,
    balanceFen: row.yuan(FEN, "账户结余(元)", "账户结余（元）"),
    applicant: row.text("资金变更提交申请人"),
    remark: row.text("备注"),
    voucher: row.text("业务凭证号"),
  };
}
