/** What a refund takes back of what an order gave, and how it comes back when the refund is closed. */
import type { Plan } from "../catalog/plan.ts";
import { addMonths } from "../calendar.ts";
import { DAY_MS } from "../clock.ts";
import type { GrantId, OrderId, RefundId } from "../id.ts";
import { smaller, type Fen, type QuotaUnits } from "../money.ts";
import type { Order } from "../order/order.ts";
import type { Desk } from "../quota/desk.ts";
import { RETURN_GRACE_MS, type Lot } from "../quota/lot.ts";
import { NO_EFFECTS, type Effects, type Entry } from "../quota/posting.ts";
import { changeMembership } from "./change-membership.ts";
import { lotOf, move } from "./purchase.ts";
import type { MembershipCause } from "./step.ts";
import { isMember } from "./user.ts";

export interface Taken {
  readonly effects: Effects;
  readonly revokedAmount: QuotaUnits;
  /** What was taken, for `giveBack`: it stands with the refund. */
  readonly revocation: string;
  readonly membershipEndMs: number | null;
}

/** Lots that it took from, and the membership that it cut: JSON in the refund's row. */
interface Revocation {
  readonly open: readonly (readonly [GrantId, number])[];
  /** Lots that had not begun: amount, priority, begin, end. */
  readonly scheduled: readonly (readonly [number, number, number, number | null])[];
  readonly cut: {
    readonly endMs: number;
    readonly wasEndMs: number;
    readonly wasAnchorMonths: number;
  } | null;
}

/**
 * What a refund takes back that brings the refunded total to `refundedAfterFen`. Of the quota stays the
 * part that is still paid for, rounded down; what is above it is taken, from the latest lots first, as
 * far as it is unused: never below zero, never what is held. Of the periods stay as many as are paid for, rounded
 * up; when all of the money goes back, the membership that it gave ends.
 */
export function takeBack(
  desk: Desk,
  order: Order,
  refundedAfterFen: Fen,
  refundId: RefundId,
  source: MembershipCause["source"],
): Taken {
  const paidFen = order.amountFen - refundedAfterFen;
  const stays = (order.grantedAmount * paidFen) / order.amountFen;
  const target = order.grantedAmount - stays - order.revokedAmount;
  const quota = takeQuota(desk, order, target, refundId);
  const cut = cutMembership(desk, order, periodsPaid(order, paidFen));
  const revocation: Revocation = {
    open: quota.open,
    scheduled: quota.scheduled,
    cut: cut?.cut ?? null,
  };
  const cause = { source, orderId: order.orderId, refundId };
  const isLeft = cut !== undefined && cut.change.membershipUntilMs > desk.nowMs;
  const trigger = isLeft ? "REFUND_PART" : "REFUND_REST";
  return {
    effects: { ...quota.effects, ...(cut && changeMembership(desk, trigger, cut.change, cause)) },
    revokedAmount: quota.revoked,
    revocation: JSON.stringify(revocation),
    membershipEndMs: cut?.orderEndMs ?? order.membershipEndMs,
  };
}

/** How many periods are still paid for, rounded up. */
function periodsPaid({ quantity, amountFen }: Order, paidFen: Fen): number {
  return Number((BigInt(quantity) * paidFen + amountFen - 1n) / amountFen);
}

function takeQuota(desk: Desk, order: Order, target: QuotaUnits, refundId: RefundId) {
  const lots = desk.account.lots
    .filter(({ sourceKind, sourceId }) => sourceKind === "ORDER" && isOf(sourceId, order.orderId))
    .filter(({ state }) => state === "OPEN" || state === "SCHEDULED")
    .sort(
      (left, right) =>
        right.effectiveTimeMs - left.effectiveTimeMs || (left.grantId < right.grantId ? 1 : -1),
    );
  const entries: Entry[] = [];
  const newLots: Lot[] = [];
  const open: [GrantId, number][] = [];
  const scheduled: [number, number, number, number | null][] = [];
  let left = target;
  for (const lot of lots) {
    const taken = smaller(lot.state === "SCHEDULED" ? lot.amount : lot.remaining, left);
    if (taken <= 0n) continue;
    left -= taken;
    if (lot.state === "OPEN") {
      entries.push(move("REVOKE", lot.grantId, -taken, `refund ${refundId}`));
      open.push([lot.grantId, Number(taken)]);
      continue;
    }
    entries.push(move("REVOKE", lot.grantId, 0n, `refund ${refundId}`));
    scheduled.push([Number(taken), lot.priority, lot.effectiveTimeMs, lot.expireTimeMs]);
    if (taken === lot.amount) continue;
    const source = `${order.orderId}:${refundId}:${newLots.length + 1}`;
    const rest = lotOf(desk, source, lot.amount - taken, lot.priority, lot);
    newLots.push(...rest.lots);
    entries.push(...rest.entries);
  }
  // A refund always leaves a line in the log, also where everything was used.
  if (entries.length === 0) {
    entries.push(move("REVOKE", null, 0n, `refund ${refundId}: nothing was left to take`));
  }
  const effects: Effects = { ...NO_EFFECTS, lots: newLots, entries };
  return { effects, open, scheduled, revoked: target - left };
}

/** True for the sources of an order's lots: its id, with or without a number after it. */
function isOf(sourceId: string, orderId: OrderId): boolean {
  return sourceId === orderId || sourceId.startsWith(`${orderId}:`);
}

/**
 * True when nothing was bought after it that begins where it ends, so that it can be cut. It may end
 * after the membership: an order before it was refunded after all, which moved the membership's end.
 */
export function isLatest(desk: Desk, order: Order): boolean {
  return order.membershipEndMs! >= desk.account.user.membershipUntilMs!;
}

/** True when the refund ends periods that have not passed. */
export function cutsMembership(desk: Desk, order: Order, refundedAfterFen: Fen): boolean {
  if (order.membershipEndMs === null || order.membershipEndMs <= desk.nowMs) return false;
  return periodsPaid(order, order.amountFen - refundedAfterFen) < periodsLeft(order);
}

/** How many of its periods the order has now, after earlier refunds. */
function periodsLeft(order: Order): number {
  return periodsPaid(order, order.amountFen - order.refundedFen);
}

/**
 * Takes the order's last periods off the end of the membership. Where a later order's periods follow
 * them, those end sooner by as much.
 */
function cutMembership(desk: Desk, order: Order, keep: number) {
  const { user } = desk.account;
  const { membershipEndMs: orderEndMs, membershipStartMs: startMs, product } = order;
  const periods = periodsLeft(order) - keep;
  if (product.kind === "PACK" || startMs === null || orderEndMs === null) return undefined;
  if (periods <= 0 || orderEndMs <= desk.nowMs || !isMember(user, desk.nowMs)) return undefined;
  const { membershipAnchorMs: anchorMs, membershipAnchorMonths: wasAnchorMonths } = user;
  const wasEndMs = user.membershipUntilMs!;
  const months = wasAnchorMonths - periods * product.plan.periodMonths;
  const isChain =
    product.plan.periodMonths > 0 &&
    anchorMs !== null &&
    months >= 0 &&
    addMonths(anchorMs, wasAnchorMonths) === wasEndMs;
  const paidUntilMs = isChain
    ? addMonths(anchorMs, months)
    : wasEndMs - lengthMs(product.plan, startMs, keep, periods);
  // What has been used has been: a membership doesn't end before now.
  const endMs = Math.max(paidUntilMs, desk.nowMs);
  return {
    cut: { endMs, wasEndMs, wasAnchorMonths },
    orderEndMs: isLatest(desk, order) ? endMs : orderEndMs - (wasEndMs - endMs),
    change: { membershipUntilMs: endMs, ...(isChain ? { membershipAnchorMonths: months } : {}) },
  };
}

/** How long so many periods are, after those that stay. */
function lengthMs(
  { periodMonths, periodDays }: Plan,
  startMs: number,
  keep: number,
  periods: number,
): number {
  if (periodMonths === 0) return periods * periodDays * DAY_MS;
  const endMs = addMonths(startMs, (keep + periods) * periodMonths);
  return endMs - addMonths(startMs, keep * periodMonths);
}

export interface Restored {
  readonly effects: Effects;
  readonly restoredAmount: QuotaUnits;
  readonly membershipEndMs: number | null;
}

/** The refund does not happen after all: what it took comes back, to the same lots where they had begun. */
export function giveBack(
  desk: Desk,
  order: Order,
  revocation: string,
  refundId: RefundId,
  source: MembershipCause["source"],
): Restored {
  const { open, scheduled, cut } = JSON.parse(revocation) as Revocation;
  const entries = open.map(([grantId, amount]) =>
    move("RESTORE", grantId, BigInt(amount), `refund ${refundId} was closed`),
  );
  const begun = scheduled.map(([amount, priority, effectiveTimeMs, endMs], at) => {
    const isOver = endMs !== null && endMs <= desk.nowMs;
    const times = { effectiveTimeMs, expireTimeMs: isOver ? desk.nowMs + RETURN_GRACE_MS : endMs };
    return lotOf(desk, `${order.orderId}:${refundId}:r${at + 1}`, BigInt(amount), priority, times);
  });
  const amounts = [...open.map(([, amount]) => amount), ...scheduled.map(([amount]) => amount)];
  const membership = cut === null ? undefined : rejoin(desk, cut);
  const cause = { source, orderId: order.orderId, refundId };
  return {
    effects: {
      ...NO_EFFECTS,
      lots: begun.flatMap(({ lots }) => lots),
      entries: [...entries, ...begun.flatMap((effects) => effects.entries)],
      ...(membership && changeMembership(desk, "REFUND_CLOSED", membership.change, cause)),
    },
    restoredAmount: BigInt(amounts.reduce((total, amount) => total + amount, 0)),
    membershipEndMs: membership?.endMs ?? order.membershipEndMs,
  };
}

/** The cut is undone where nothing came after it; else the time that it took is added at the end. */
function rejoin(desk: Desk, { endMs, wasEndMs, wasAnchorMonths }: NonNullable<Revocation["cut"]>) {
  const { user } = desk.account;
  if (user.membershipUntilMs === endMs && wasEndMs > desk.nowMs) {
    const change = { membershipUntilMs: wasEndMs, membershipAnchorMonths: wasAnchorMonths };
    return { endMs: wasEndMs, change };
  }
  const runs = isMember(user, desk.nowMs);
  const untilMs = (runs ? user.membershipUntilMs! : desk.nowMs) + (wasEndMs - endMs);
  const begins = runs ? {} : { membershipStartMs: desk.nowMs };
  return { endMs: untilMs, change: { membershipUntilMs: untilMs, ...begins } };
}
