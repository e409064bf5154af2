/** Bills that are wrong in one way each, and bills that only look it. */
import { gzipSync } from "node:zlib";
import { COLUMNS, type Bill, type BillRow } from "./bill-layout.ts";

export const BILL_FAULTS = [
  /** The last third of the bytes is missing. */
  "truncated",
  "flipped-byte",
  "wrong-hash",
  /** The hash is that of the compressed bytes. */
  "hash-of-compressed",
  /** The compressed bytes can't be decompressed. */
  "gzip-corrupt",
  /** Something follows the compressed bytes. */
  "gzip-trailing-data",
  /** Decompresses to 512 MB of blanks. */
  "zip-bomb",
  "missing-summary",
  /** The summary tells one line and one fen too many. */
  "summary-wrong",
  /** A line more, of a payment that never was; the summary has it too. */
  "extra-row",
  /** The first line is missing, in the summary too. */
  "missing-row",
  /** The first line is a fen more, in the summary too. */
  "changed-amount",
  /** As merchants of old get it: 总金额 and 企业红包金额, and no 订单金额. */
  "old-layout",
  /** A plain comma in 商品名称 of the first line. */
  "comma-in-name",
  /** A comma and a back-tick in it, as between two values. */
  "separator-in-name",
  "unknown-column",
  /** The first two columns have changed places. */
  "reordered-columns",
  "no-byte-order-mark",
  /** Lines end with LF. */
  "lf",
  "no-final-newline",
] as const;
export type BillFault = (typeof BILL_FAULTS)[number];

const BOMB_BYTES = 512 * 1024 * 1024;

/** Changes lines before they are summed up. */
export function spoilRows(rows: readonly BillRow[], fault: BillFault | null): readonly BillRow[] {
  const [first, ...rest] = rows;
  if (first === undefined) return rows;
  if (fault === "missing-row") return rest;
  if (fault === "extra-row") {
    const made = Object.entries(first).map(([column, value]) => [
      column,
      column.endsWith("单号") && value !== "0" ? `${value.slice(0, -4)}0000` : value,
    ]);
    return [...rows, Object.fromEntries(made) as BillRow];
  }
  if (fault === "changed-amount") {
    const columns = ["应结订单金额", "订单金额", "退款金额", "申请退款金额", "收支金额(元)"];
    const changed = columns.filter((column) => Number(first[column] ?? 0) > 0);
    const entries = changed.map((column) => [column, fenMore(first[column] ?? "")]);
    return [{ ...first, ...Object.fromEntries(entries) }, ...rest];
  }
  const name = first["商品名称"] ?? "";
  if (fault === "comma-in-name") return [{ ...first, 商品名称: `${name},2` }, ...rest];
  if (fault === "separator-in-name") return [{ ...first, 商品名称: `${name},\`2` }, ...rest];
  return rows;
}

/** Changes the layout. */
export function spoilBill(bill: Bill, fault: BillFault | null): Bill {
  const { columns, rows, summary } = bill;
  if (fault === "missing-summary") return { ...bill, summary: [] };
  if (fault === "summary-wrong") {
    return { ...bill, summary: summary.map(([column, value]) => [column, fenMore(value)] as const) };
  }
  if (fault === "unknown-column") {
    return { ...bill, columns: [...columns, "新字段"], rows: rows.map((row) => ({ ...row, 新字段: "1" })) };
  }
  if (fault === "reordered-columns") {
    const [first = "", second = "", ...rest] = columns;
    return { ...bill, columns: [second, first, ...rest] };
  }
  if (fault !== "old-layout" || columns.includes(COLUMNS.FUND[0] ?? "")) return bill;
  return oldLayout(bill);
}

/** Changes the bytes of the file. */
export function spoilFile(file: Buffer, fault: BillFault | null): Buffer {
  if (fault === "truncated") return file.subarray(0, Math.floor((file.length * 2) / 3));
  if (fault === "flipped-byte") {
    const copy = Buffer.from(file);
    const at = copy.lastIndexOf("0".charCodeAt(0));
    copy[at] = "1".charCodeAt(0);
    return copy;
  }
  if (fault === "no-byte-order-mark") return file.subarray(3);
  if (fault === "lf") return Buffer.from(file.toString().replaceAll("\r\n", "\n"));
  if (fault === "no-final-newline") return file.subarray(0, -2);
  return file;
}

let packedBomb: Buffer | undefined;

/** It takes seconds to be packed, more than a caller waits on a busy machine: to be called before it is asked for. */
export function zipBomb(): Buffer {
  packedBomb ??= gzipSync(Buffer.alloc(BOMB_BYTES, " "), { level: 9 });
  return packedBomb;
}

/** Compresses, wrongly where it is asked for. */
export function compress(file: Buffer, fault: BillFault | null): Buffer {
  if (fault === "zip-bomb") return zipBomb();
  const packed = gzipSync(file);
  if (fault === "gzip-corrupt") packed[packed.length >> 1] = (packed[packed.length >> 1] ?? 0) ^ 0xff;
  return fault === "gzip-trailing-data" ? Buffer.concat([packed, Buffer.from("trailing")]) : packed;
}

const OLD_NAMES: Readonly<Record<string, string>> = {
  应结订单金额: "总金额",
  代金券金额: "企业红包金额",
  充值券退款金额: "企业红包退款金额",
  应结订单总金额: "总交易额",
  退款总金额: "总退款金额",
  充值券退款总金额: "总企业红包退款金额",
};
const NEW_NAMES = new Set(["订单金额", "申请退款金额", "费率备注", "订单总金额", "申请退款总金额"]);

function oldLayout({ columns, rows, summary }: Bill): Bill {
  const rename = (name: string): string => OLD_NAMES[name] ?? name;
  return {
    columns: columns.filter((name) => !NEW_NAMES.has(name)).map(rename),
    rows: rows.map((row) => {
      const cells = Object.entries(row).map(([name, value]) => [rename(name), value]);
      return Object.fromEntries(cells) as BillRow;
    }),
    summary: summary
      .filter(([name]) => !NEW_NAMES.has(name))
      .map(([name, value]) => [rename(name), value] as const),
  };
}

/** The number with one hundredth more, with as many decimals as it had; whole ones get one more. */
function fenMore(value: string): string {
  const [whole = "0", part = ""] = value.split(".");
  if (part.length < 2) return `${BigInt(whole) + 1n}${part === "" ? "" : `.${part}`}`;
  const hundredths = BigInt(`${whole}${part.slice(0, 2)}`) + 1n;
  const digits = hundredths.toString().padStart(3, "0");
  return `${digits.slice(0, -2)}.${digits.slice(-2)}${part.slice(2)}`;
}
