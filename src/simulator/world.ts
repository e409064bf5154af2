/** One WeChat Pay: its books and its knobs. `reset` makes another one around the same keys. */
import { BillOffice } from "./bill-office.ts";
import { CallbackFaults } from "./callback-faults.ts";
import { CallbackSender } from "./callback-sender.ts";
import { Cashier } from "./cashier.ts";
import type { SimulatedClock } from "./clock.ts";
import { RequestFaults } from "./faults.ts";
import { Journal } from "./journal.ts";
import type { KeyRing } from "./keys.ts";
import { Ledger } from "./ledger.ts";
import type { Merchant } from "./merchant.ts";
import { OrderBook } from "./orders.ts";
import type { Random } from "./random.ts";
import { RefundBook } from "./refunds.ts";
import { defaultSettings, type Settings } from "./settings.ts";

/** What outlives a reset. */
export interface Lasting {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly keys: KeyRing;
  readonly merchants: ReadonlyMap<string, Merchant>;
  /** Where the simulator listens. */
  readonly url: () => string;
}

export interface World extends Lasting {
  readonly settings: Settings;
  readonly journal: Journal;
  readonly faults: RequestFaults;
  readonly callbackFaults: CallbackFaults;
  readonly callbacks: CallbackSender;
  readonly orders: OrderBook;
  readonly ledger: Ledger;
  readonly refunds: RefundBook;
  readonly cashier: Cashier;
  readonly bills: BillOffice;
  /** Nonces that merchants have used, for the setting that refuses them a second time. */
  readonly nonces: Set<string>;
}

export function createWorld(lasting: Lasting): World {
  const settings = defaultSettings();
  const journal = new Journal();
  const callbackFaults = new CallbackFaults(lasting.random);
  const common = { ...lasting, settings, journal };
  const callbacks = new CallbackSender({ ...common, faults: callbackFaults });
  const orders = new OrderBook(common);
  const ledger = new Ledger(lasting.random);
  const books = { ...common, callbacks, orders, ledger };
  const refunds = new RefundBook(books);
  return {
    ...books,
    faults: new RequestFaults(),
    callbackFaults,
    refunds,
    cashier: new Cashier(books),
    bills: new BillOffice({ ...books, refunds }),
    nonces: new Set(),
  };
}
