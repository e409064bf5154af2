/** Bills, put together: where they come from, the books that they're compared with, and the list of days. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { CashierParts } from "./billing/order/asking.ts";
import type { BillParts } from "./billing/order/check-bill.ts";
import type { BillDays } from "./billing/order/bill-days.ts";
import { createReconciler, type Reconciler } from "./billing/report/reconcile.ts";
import { createTurns } from "./review/turns.ts";
import { createBillBooks, type BillContext } from "./store/bill-books.ts";
import { createBillDays } from "./store/bill-days.ts";
import { createCostReader } from "./store/cost-reader.ts";
import { createReconciliationBooks } from "./store/discrepancy-books.ts";
import type { Sealer } from "./store/sealer.ts";
import { BillFault } from "./wechat/bill-table.ts";
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
  /** Days of trade bills. */
  readonly days: BillDays;
  /** Days of fund-flow bills. */
  readonly flowDays: BillDays;
}

/** A bill of a large day takes some hundred megabytes while it is compared: one at a time. */
const AT_ONCE = 1;
const WAITING_MAX = 20;
const RETRY_MS = 5_000;

/** What compares bills when somebody wants it. @param bills undefined where no merchant account is configured */
export function openReconciler(
  bills: Pick<Bills, "parts"> | undefined,
  orm: MikroORM,
  context: BillContext,
): Reconciler {
  const reconciler = createReconciler({
    bills: bills?.parts,
    costs: createCostReader(orm),
    books: createReconciliationBooks(orm, context),
    isFault: (fault) => fault instanceof BillFault,
  });
  const turns = createTurns(AT_ONCE, WAITING_MAX, RETRY_MS);
  return {
    reconcile: (command, signal = new AbortController().signal) =>
      turns.run(() => reconciler.reconcile(command, signal), signal),
  };
}

export function openBills({ teller, reader, gateway, orm, context, sealer }: BillsOptions): Bills {
  const source = createBillSource(gateway);
  const books = createBillBooks(orm, context, sealer);
  return {
    parts: { teller, reader, gateway, source, books },
    days: createBillDays(orm, context, "TRADE"),
    flowDays: createBillDays(orm, context, "FUND_FLOW"),
  };
}
