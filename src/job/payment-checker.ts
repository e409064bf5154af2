/**
 * Asks the provider about what it hasn't told: pending orders, refunds under way, notices that could not
 * be settled when they came. In bounded rounds, on any number of servers, each thing by one of them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { MINUTE_MS } from "../billing/clock.ts";
import type { CashierParts } from "../billing/order/asking.ts";
import type { DueFinder } from "../billing/order/books.ts";
import { checkOrder } from "../billing/order/check-order.ts";
import { refunding } from "../billing/order/pay-back.ts";

/** What one round takes of each kind: they are asked about one after the other, which takes a second or so each. */
const CHECK_BATCH = 20;
/** What is asked about at one time; WeChat Pay limits failing refund calls to 6 a second. */
const AT_ONCE = 4;
/** Whoever took something has died by then, and somebody else takes it. */
const LEASE_MS = 5 * MINUTE_MS;

export interface PaymentCheckerOptions {
  readonly parts: CashierParts;
  readonly finder: DueFinder;
  /** Settles notices that wait. @returns how many it took */
  retryNotices(limit: number, leaseMs: number): Promise<number>;
  /** The time by which an order's end is judged, in milliseconds since 1970. */
  now(): number;
  readonly intervalMs: number;
  readonly observer: PaymentCheckObserver;
}

export interface PaymentCheckObserver {
  /** A round is over. */
  checked(round: {
    readonly orders: number;
    readonly refunds: number;
    readonly notices: number;
  }): void;
  /** One of them failed; it is due again when its lease is over. */
  failed(subjectId: string, fault: unknown): void;
}

export interface PaymentChecker {
  /** One whole round, now, until nothing is due. @returns how much was looked at */
  check(): Promise<number>;
  /** Ends after what is under way. */
  stop(): Promise<void>;
}

export function startPaymentChecker(options: PaymentCheckerOptions): PaymentChecker {
  const { parts, finder, intervalMs, observer, now } = options;
  const stopping = new AbortController();
  const { pursueRefund } = refunding(parts);

  const each = async <Id extends string>(ids: readonly Id[], look: (id: Id) => Promise<void>) => {
    const left = [...ids];
    const worker = async () => {
      for (let id = left.shift(); id !== undefined; id = left.shift()) {
        await look(id).catch((fault: unknown) => observer.failed(id, fault));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return ids.length;
  };

  const round = async () => {
    const orders = await each(await finder.takeDueOrders(CHECK_BATCH, LEASE_MS), (orderId) =>
      checkOrder(parts, orderId, now(), stopping.signal),
    );
    const refunds = await each(await finder.takeDueRefunds(CHECK_BATCH, LEASE_MS), (refundId) =>
      pursueRefund(refundId, stopping.signal),
    );
    const notices = await options.retryNotices(CHECK_BATCH, LEASE_MS);
    observer.checked({ orders, refunds, notices });
    return orders + refunds + notices;
  };

  const check = async () => {
    let total = 0;
    while (!stopping.signal.aborted) {
      const looked = await round();
      total += looked;
      if (looked === 0) break;
    }
    return total;
  };

  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await check().catch((fault: unknown) => observer.failed("round", fault));
      await sleep(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();

  return {
    check,
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}
