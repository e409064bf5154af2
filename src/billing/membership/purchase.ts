/** What a paid order gives: periods of a membership with their quota, or a pack. */
import type { Plan } from "../catalog/plan.ts";
import { DAY_MS } from "../clock.ts";
import type { GrantId, OrderId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import type { Product } from "../order/order.ts";
import type { Desk } from "../quota/desk.ts";
import type { Lot } from "../quota/lot.ts";
import { NO_EFFECTS, type Effects, type Entry } from "../quota/posting.ts";
import { changeMembership } from "./change-membership.ts";
import { extend } from "./period.ts";
import type { MembershipCause } from "./step.ts";

export interface Given {
  readonly effects: Effects;
  readonly grantedAmount: QuotaUnits;
  /** Null for a pack. */
  readonly membershipStartMs: number | null;
  readonly membershipEndMs: number | null;
}

/**
 * Periods of a plan, each with a lot of its own that begins with it, or a pack's lot. The first lot bears the
 * order's id as its source, the others the id and their number, since a source gives once.
 */
export function givePurchase(
  desk: Desk,
  orderId: OrderId,
  product: Product,
  quantity: number,
  source: MembershipCause["source"],
): Given {
  if (product.kind === "PACK") {
    const { quotaAmount, quotaPriority, validDays } = product.pack;
    const amount = quotaAmount * BigInt(quantity);
    const expireTimeMs = validDays === 0 ? null : desk.nowMs + validDays * DAY_MS;
    const times = { effectiveTimeMs: desk.nowMs, expireTimeMs };
    const effects = lotOf(desk, orderId, amount, quotaPriority, times);
    return { effects, grantedAmount: amount, membershipStartMs: null, membershipEndMs: null };
  }
  return givePeriods(desk, product.plan, quantity, { source, orderId });
}

function givePeriods(
  desk: Desk,
  plan: Plan,
  quantity: number,
  cause: MembershipCause & { readonly orderId: OrderId },
): Given {
  const { orderId } = cause;
  const { user } = desk.account;
  const extension = extend(user, plan, quantity, desk.nowMs);
  const lots = extension.periods.map(({ startMs, quotaEndMs }, at) => {
    const times = { effectiveTimeMs: startMs, expireTimeMs: quotaEndMs };
    const source = at === 0 ? orderId : `${orderId}:${at + 1}`;
    return lotOf(desk, source, plan.quotaAmount, plan.quotaPriority, times);
  });
  const startsNow = extension.startMs === desk.nowMs;
  const change = {
    planId: plan.planId,
    onTrial: false,
    membershipUntilMs: extension.endMs,
    membershipAnchorMs: extension.anchorMs,
    membershipAnchorMonths: extension.anchorMonths,
    ...(startsNow ? { membershipStartMs: desk.nowMs } : {}),
  };
  return {
    effects: {
      ...NO_EFFECTS,
      lots: lots.flatMap((effects) => effects.lots),
      entries: lots.flatMap((effects) => effects.entries),
      ...changeMembership(desk, "PAY_PLAN", change, cause),
    },
    grantedAmount: plan.quotaAmount * BigInt(quantity),
    membershipStartMs: extension.startMs,
    membershipEndMs: extension.endMs,
  };
}

interface Times {
  readonly effectiveTimeMs: number;
  readonly expireTimeMs: number | null;
}

/** A lot of an order: open when its time has come, else waiting for it. */
export function lotOf(
  desk: Desk,
  sourceId: string,
  amount: QuotaUnits,
  priority: number,
  { effectiveTimeMs, expireTimeMs }: Times,
): Effects {
  const isOpen = effectiveTimeMs <= desk.nowMs;
  const lot: Lot = {
    grantId: desk.newId("grt") as GrantId,
    userId: desk.account.user.userId,
    amount,
    remaining: 0n,
    priority,
    effectiveTimeMs,
    expireTimeMs,
    sourceKind: "ORDER",
    sourceId,
    state: isOpen ? "OPEN" : "SCHEDULED",
    createTimeMs: desk.nowMs,
  };
  return {
    ...NO_EFFECTS,
    lots: [lot],
    entries: [move("GRANT", lot.grantId, isOpen ? amount : 0n, `ORDER ${sourceId}`)],
  };
}

/** A movement that an order or its refund makes. */
export function move(
  type: Entry["type"],
  grantId: GrantId | null,
  available: QuotaUnits,
  description: string,
): Entry {
  return { type, grantId, reservationId: null, available, held: 0n, description };
}
