/** Bills, put together: where they come from, the books that they're compared with, and the list of days. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { CashierParts } from "./billing/order/asking.ts";
import type { BillParts } from "./billing/order/check-bill.ts";
import type { BillDays } from "./billing/order/bill-days.ts";
import { createBillBooks, type BillContext } from "./store/bill-books.ts";
import { createBillDays } from "./store/bill-days.ts";
import type { Sealer } from "./store/sealer.ts";
import { createBillSource } from "./wechat/bill-source.ts";
import type { WechatGateway } from "./wechat/gateway.ts";

export interface BillsOptions extends CashierParts {
  readonly gateway: WechatGateway;
  readonly orm: MikroORM;
  readonly context: BillContext;
  readonly sealer: Sealer;
}

export interface Bills {
  readonly parts: BillParts;
  readonly days: BillDays;
}

export function openBills({ teller, reader, gateway, orm, context, sealer }: BillsOptions): Bills {
  const source = createBillSource(gateway);
  const books = createBillBooks(orm, context, sealer);
  return { parts: { teller, reader, gateway, source, books }, days: createBillDays(orm, context) };
}
