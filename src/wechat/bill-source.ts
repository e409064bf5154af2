/** Trade bills as the domain wants them: downloaded, checked against their hash, and read. */
import type { BillSource } from "../billing/order/check-bill.ts";
import type { WechatGateway } from "./gateway.ts";
import { parseTradeBill } from "./trade-bill.ts";

export function createBillSource(gateway: Pick<WechatGateway, "tradeBill">): BillSource {
  return {
    async tradeBill(date, signal) {
      const answer = await gateway.tradeBill(date, signal);
      if (answer.kind !== "ready") return answer;
      return { kind: "ready", bill: parseTradeBill(answer.bytes), sha1: answer.sha1 };
    },
  };
}
