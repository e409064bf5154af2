/**
 * What the provider tells us by itself: kept durably first, then made of it what can be made. What
 * can't be settled now is settled from what was kept, later.
 */
import type { OrderId, RefundId } from "../id.ts";
import { Refusal } from "../refusal.ts";
import type { CashierParts } from "./asking.ts";
import type { Notice, NoticeInbox, NoticeOutcome } from "./inbox.ts";
import { settling } from "./settle.ts";

export interface NoticeStore {
  /**
   * Keeps a notice, once however often it comes.
   * @returns what is known of it: `state` is that of an equal one that came before
   */
  put(notice: Notice): Promise<{ readonly inboxId: string; readonly state: NoticeState }>;
  /** Books what was made of it. */
  finish(inboxId: string, state: NoticeState, note: string): Promise<void>;
  /** Takes some that wait to be tried again; nobody else is given them for a while. */
  takeDue(limit: number, leaseMs: number): Promise<readonly KeptNotice[]>;
}

export type NoticeState = "PENDING" | "SETTLED" | "ORPHANED" | "QUARANTINED";

export interface KeptNotice {
  readonly inboxId: string;
  readonly notice: Notice;
}

export interface NoticeObserver {
  /** A notice needs a person: it is kept, and nothing was given for it. */
  alarming(notice: Notice, outcome: NoticeOutcome, why: string): void;
  /** It is kept, and could not be settled at once; it is tried again. */
  postponed(notice: Notice, fault: unknown): void;
}

export function createInbox(
  parts: CashierParts,
  store: NoticeStore,
  observer: NoticeObserver,
): NoticeInbox & { retry(limit: number, leaseMs: number): Promise<number> } {
  const settle = async ({ inboxId, notice }: KeptNotice): Promise<NoticeOutcome> => {
    const { outcome, why } = await makeOf(parts, notice);
    await store.finish(inboxId, STATE_OF[outcome], why);
    if (outcome !== "settled") observer.alarming(notice, outcome, why);
    return outcome;
  };
  const trySettle = async (kept: KeptNotice): Promise<NoticeOutcome> => {
    try {
      return await settle(kept);
    } catch (fault) {
      observer.postponed(kept.notice, fault);
      return "settled";
    }
  };
  return {
    async receive(notice) {
      const { inboxId, state } = await store.put(notice);
      if (state === "SETTLED") return "settled";
      if (state === "QUARANTINED") return "quarantined";
      return trySettle({ inboxId, notice });
    },
    async retry(limit, leaseMs) {
      const due = await store.takeDue(limit, leaseMs);
      for (const kept of due) await trySettle(kept);
      return due.length;
    },
  };
}

const STATE_OF: Readonly<Record<NoticeOutcome, NoticeState>> = {
  settled: "SETTLED",
  orphaned: "ORPHANED",
  quarantined: "QUARANTINED",
};

interface Made {
  readonly outcome: NoticeOutcome;
  readonly why: string;
}

async function makeOf(parts: CashierParts, notice: Notice): Promise<Made> {
  try {
    switch (notice.kind) {
      case "payment":
        return await ofPayment(parts, notice.trade.outTradeNo as OrderId, notice);
      case "refund":
        return await ofRefund(parts, notice.refund.outRefundNo as RefundId, notice);
      case "strange":
        return { outcome: "quarantined", why: `an event of type ${notice.eventType}` };
      default:
        return notice satisfies never;
    }
  } catch (error) {
    const isUnknown =
      error instanceof Refusal &&
      (error.reason === "ORDER_NOT_FOUND" || error.reason === "REFUND_NOT_FOUND");
    if (!isUnknown) throw error;
    return { outcome: "orphaned", why: "nothing here has this number" };
  }
}

async function ofPayment(
  parts: CashierParts,
  orderId: OrderId,
  { trade }: Notice & { kind: "payment" },
): Promise<Made> {
  const { settle, settleTrade } = settling(parts);
  // A notice of a payment that says it is none isn't believed either way: the provider is asked.
  const settled =
    trade.state === "SUCCESS"
      ? await settleTrade(orderId, trade, "CALLBACK")
      : (await settle(orderId, "QUERY")).settled;
  if (settled === "quarantined") return { outcome: "quarantined", why: "it contradicts the order" };
  return { outcome: "settled", why: settled ?? `the trade is ${trade.state}` };
}

async function ofRefund(
  parts: CashierParts,
  refundId: RefundId,
  { refund }: Notice & { kind: "refund" },
): Promise<Made> {
  const settled = await settling(parts).settleRefundTrade(refundId, refund, "CALLBACK");
  if (settled === "contradicted")
    return { outcome: "quarantined", why: "it contradicts the refund" };
  return { outcome: "settled", why: settled };
}
