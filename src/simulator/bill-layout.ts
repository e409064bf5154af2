/** The columns of bills, and the text that is made of them. */
import type { Settings } from "./settings.ts";

export type BillKind = "ALL" | "SUCCESS" | "REFUND" | "FUND";

/** A line of a bill by the names of its columns; what is missing is empty. */
export type BillRow = Readonly<Record<string, string>>;

export interface Bill {
  readonly columns: readonly string[];
  readonly rows: readonly BillRow[];
  readonly summary: readonly (readonly [column: string, value: string])[];
}

const HEAD =
  "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额";
const REFUND_PART = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态";
const GOODS = "商品名称,商户数据包,手续费,费率,订单金额";

export const COLUMNS: Readonly<Record<BillKind, readonly string[]>> = {
  ALL: `${HEAD},${REFUND_PART},${GOODS},申请退款金额,费率备注`.split(","),
  SUCCESS: `${HEAD},${GOODS},费率备注`.split(","),
  REFUND: `${HEAD},退款申请时间,退款成功时间,${REFUND_PART},${GOODS},申请退款金额,费率备注`.split(","),
  FUND: "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号".split(
    ",",
  ),
};

/** Which column a total of a trade bill sums up. */
const TRADE_TOTALS: readonly (readonly [total: string, column: string])[] = [
  ["应结订单总金额", "应结订单金额"],
  ["退款总金额", "退款金额"],
  ["充值券退款总金额", "充值券退款金额"],
  ["手续费总金额", "手续费"],
  ["订单总金额", "订单金额"],
  ["申请退款总金额", "申请退款金额"],
];

/** Fees have five decimals; all sums are kept in these units. */
const DECIMALS = 5;
const UNIT = 10n ** BigInt(DECIMALS);
const UNITS_PER_FEN = UNIT / 100n;

/** `0.01` for one fen. */
export function yuan(fen: bigint): string {
  return decimal(fen * UNITS_PER_FEN).slice(0, -(DECIMALS - 2));
}

/** `0.01000` for one fen, as fees are printed. */
export function feeYuan(fen: bigint): string {
  return decimal(fen * UNITS_PER_FEN);
}

export function summaryOf(
  kind: BillKind,
  rows: readonly BillRow[],
  numbers: Settings["summaryNumbers"],
): Bill["summary"] {
  const count = (some: readonly BillRow[]): string => print(BigInt(some.length) * UNIT, numbers, true);
  const sum = (some: readonly BillRow[], column: string): string =>
    print(
      some.reduce((total, row) => total + units(row[column] ?? "0"), 0n),
      numbers,
      false,
    );
  if (kind === "FUND") {
    const income = rows.filter((row) => row["收支类型"] === "收入");
    const spending = rows.filter((row) => row["收支类型"] === "支出");
    return [
      ["资金流水总笔数", count(rows)],
      ["收入笔数", count(income)],
      ["收入金额", sum(income, "收支金额(元)")],
      ["支出笔数", count(spending)],
      ["支出金额", sum(spending, "收支金额(元)")],
    ];
  }
  const totals = TRADE_TOTALS.filter(([, column]) => COLUMNS[kind].includes(column));
  return [
    ["总交易单数", count(rows)],
    ...totals.map(([name, column]) => [name, sum(rows, column)] as const),
  ];
}

/** Byte order mark, lines ended by CR LF, and a back-tick before every value. */
export function printBill({ columns, rows, summary }: Bill): Buffer {
  const line = (values: readonly string[]): string => values.map((value) => `\`${value}`).join(",");
  const lines = [
    columns.join(","),
    ...rows.map((row) => line(columns.map((column) => row[column] ?? ""))),
    ...(summary.length === 0
      ? []
      : [summary.map(([column]) => column).join(","), line(summary.map(([, value]) => value))]),
  ];
  return Buffer.from(`\uFEFF${lines.map((each) => `${each}\r\n`).join("")}`);
}

function units(text: string): bigint {
  const [, sign = "", whole = "0", part = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  const value = BigInt(whole) * UNIT + BigInt(part.padEnd(DECIMALS, "0"));
  return sign === "-" ? -value : value;
}

function decimal(value: bigint): string {
  const size = value < 0n ? -value : value;
  const part = (size % UNIT).toString().padStart(DECIMALS, "0");
  return `${value < 0n ? "-" : ""}${size / UNIT}.${part}`;
}

function print(value: bigint, numbers: Settings["summaryNumbers"], isCount: boolean): string {
  if (numbers === "plain") return isCount ? (value / UNIT).toString() : decimal(value);
  // As many decimals as it needs, but one at least.
  return decimal(value).replace(/0{1,4}$/, "");
}
