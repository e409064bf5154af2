/** Payments, put together: the gateway, the cashier, the inbox behind the callback endpoint, the checkers. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { IdSource } from "./billing/id.ts";
import type { CashierParts } from "./billing/order/asking.ts";
import type { OrderReader } from "./billing/order/books.ts";
import { createCashier, type Cashier } from "./billing/order/cashier.ts";
import { createInbox, type NoticeObserver } from "./billing/order/receive-notice.ts";
import type { Teller } from "./billing/quota/teller.ts";
import { openBills, type Bills } from "./bills.ts";
import {
  BILL_ROUND_MS,
  startBillChecker,
  type BillChecker,
  type BillObserver,
} from "./job/bill-checker.ts";
import {
  startPaymentChecker,
  type PaymentChecker,
  type PaymentCheckObserver,
} from "./job/payment-checker.ts";
import { createDueFinder } from "./store/due-finder.ts";
import { createPaymentInbox } from "./store/payment-inbox.ts";
import type { DecisionTime } from "./store/quota-facts.ts";
import type { Sealer } from "./store/sealer.ts";
import type { Log } from "./telemetry/observer.ts";
import {
  startCallbackEndpoint,
  type CallbackEndpoint,
  type CallbackObserver,
} from "./wechat/callback-endpoint.ts";
import { createGateway, type WechatGateway } from "./wechat/gateway.ts";
import type { WechatOptions } from "./wechat/options.ts";
import type { GatewayObserver } from "./wechat/transport.ts";

export interface PaymentsOptions {
  readonly merchant: WechatOptions;
  readonly orm: MikroORM;
  readonly context: DecisionTime & { readonly ids: IdSource };
  readonly sealer: Sealer;
  readonly teller: Teller;
  readonly reader: OrderReader;
  readonly log: Log;
  readonly observer: PaymentsObserver;
  /** Milliseconds since 1970; signatures are checked and orders expired by it. */
  readonly now?: () => number;
  readonly callback: { readonly host: string; readonly port: number };
  readonly checkIntervalMs: number;
  /** Who hears of bills; undefined: no bill is checked by itself. */
  readonly bills?: BillObserver | undefined;
}

export interface PaymentsObserver
  extends CallbackObserver, NoticeObserver, PaymentCheckObserver, GatewayObserver {
  /** A gateway is there, whose certificates' end is worth a look now and then. */
  opened(gateway: Pick<WechatGateway, "certificates">): void;
}

export interface Payments {
  readonly cashier: Cashier;
  readonly gateway: WechatGateway;
  /** Where callbacks arrive. */
  readonly callbackPort: number;
  /** What bills are checked with. */
  readonly bills: Bills;
  /** Starts asking WeChat Pay about what it has not told, and for its bills. */
  startChecking(): PaymentChecker;
  close(): Promise<void>;
}

/** @throws Error when the callback address can't be listened on */
export async function openPayments(options: PaymentsOptions): Promise<Payments> {
  const { merchant, orm, context, sealer, teller, reader, log, observer, now = Date.now } = options;
  const gateway = createGateway(merchant, { log, observer, now });
  observer.opened(gateway);
  const parts: CashierParts = { teller, reader, gateway };
  const inbox = createInbox(parts, createPaymentInbox(orm, context, sealer), observer);
  const endpoint = await startCallbackEndpoint({
    ...options.callback,
    path: new URL(merchant.notifyUrl).pathname,
    open: gateway.openNotice,
    inbox,
    observer,
    log,
  });
  const bills = openBills({ ...parts, gateway, orm, context, sealer });
  const startBills = (billObserver: BillObserver) =>
    startBillChecker({ ...bills, intervalMs: BILL_ROUND_MS, observer: billObserver });
  let checker: PaymentChecker | undefined;
  let billChecker: BillChecker | undefined;
  return {
    cashier: createCashier(parts),
    gateway,
    callbackPort: endpoint.port,
    bills,
    startChecking() {
      if (options.bills) billChecker ??= startBills(options.bills);
      return (checker ??= startPaymentChecker({
        parts,
        finder: createDueFinder(orm, context),
        retryNotices: inbox.retry,
        now,
        intervalMs: options.checkIntervalMs,
        observer,
      }));
    },
    close: () => closeAll(endpoint, [checker, billChecker], gateway),
  };
}

/** Nothing comes in any more, then nothing is asked any more. */
async function closeAll(
  endpoint: CallbackEndpoint,
  checkers: readonly (PaymentChecker | BillChecker | undefined)[],
  gateway: WechatGateway,
): Promise<void> {
  await endpoint.close();
  await Promise.all(checkers.map(async (checker) => checker?.stop()));
  await gateway.close();
}
