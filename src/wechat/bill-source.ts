/** Bills as the domain wants them: downloaded, checked against their hash, and read. */
import type { BillSource } from "../billing/order/check-bill.ts";
import type { FlowBill, FlowKind } from "../billing/order/flow-bill.ts";
import { parseFundFlowBill, type FundFlowRow } from "./fund-flow-bill.ts";
import type { WechatGateway } from "./gateway.ts";
import { parseTradeBill } from "./trade-bill.ts";

export function createBillSource(
  gateway: Pick<WechatGateway, "tradeBill" | "fundFlowBill">,
): BillSource {
  return {
    async tradeBill(date, signal) {
      const answer = await gateway.tradeBill(date, signal);
      if (answer.kind !== "ready") return answer;
      return { kind: "ready", bill: parseTradeBill(answer.bytes), sha1: answer.sha1 };
    },
    async fundFlowBill(date, signal) {
      const answer = await gateway.fundFlowBill(date, signal);
      if (answer.kind !== "ready") return answer;
      return { kind: "ready", bill: readFlow(answer.bytes), sha1: answer.sha1 };
    },
  };
}

/** 业务名称 of what has to do with orders. */
const KINDS: ReadonlyMap<string, FlowKind> = new Map([
  ["交易", "PAYMENT"],
  ["扣除交易手续费", "FEE"],
  ["退款", "REFUND"],
  ["退款关闭", "REFUND_RETURN"],
]);

function readFlow(bytes: Uint8Array): FlowBill {
  const { rows, totals } = parseFundFlowBill(bytes);
  const { inFen, outFen } = totals;
  return { rows: rows.map(readRow), totals: { inFen, outFen } };
}

function readRow(row: FundFlowRow): FlowBill["rows"][number] {
  const { line, timeMs, transactionId, flowId, businessName, balanceFen, voucher } = row;
  return {
    line,
    timeMs,
    kind: KINDS.get(businessName) ?? "OTHER",
    businessNumber: transactionId,
    flowId,
    businessName,
    amountFen: row.direction === "IN" ? row.amountFen : -row.amountFen,
    balanceFen,
    voucher,
  };
}
