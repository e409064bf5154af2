/**
 * Postings are the only way in which quota moves: each entry changes one lot and the user's two
 * balances by the same amount and leaves one log row. So the log, replayed, gives the state.
 */
import type { DomainEvent } from "../event.ts";
import type { EventType } from "../event-types.ts";
import type { GrantId, OrderId, ReservationId, UserId } from "../id.ts";
import type { Redemption } from "../membership/redeem-campaign.ts";
import type { Order, OrderFile, Payment, Refund, Step } from "../order/order.ts";
import type { QuotaUnits } from "../money.ts";
import type { MembershipStep } from "../membership/step.ts";
import type { User } from "../membership/user.ts";
import { assert } from "../refusal.ts";
import { useOf, type Account } from "./account.ts";
import { RETURN_GRACE_MS, type Allocation, type Lot } from "./lot.ts";
import type { Reservation } from "./reservation.ts";

export type LogType =
  | "GRANT"
  | "ACTIVATE"
  | "RESERVE"
  | "COMMIT"
  | "RELEASE"
  | "REFUND"
  | "EXPIRE_HOLD"
  | "EXPIRE_GRANT"
  | "REVOKE"
  | "RESTORE";

/** One movement: of one lot, or of none where an outcome is recorded and nothing moves. */
export interface Entry {
  readonly type: LogType;
  readonly grantId: GrantId | null;
  readonly reservationId: ReservationId | null;
  /** Change of the lot and of the available balance. */
  readonly available: QuotaUnits;
  /** Change of the held balance. */
  readonly held: QuotaUnits;
  readonly description: string;
}

/** What others shall be told once it has happened; its id and time are added when it is recorded. */
export interface NewEvent {
  /** What happened, such as `order.paid`. */
  readonly type: EventType;
  /** The id of what it happened to. */
  readonly subject: string;
  readonly payload: DomainEvent["payload"];
}

/** What a decision wants to happen: all of it, in one transaction, or none. */
export interface Effects {
  /** New lots; their `remaining` is 0 until an entry fills it. */
  readonly lots: readonly Lot[];
  readonly entries: readonly Entry[];
  /** New reservations. */
  readonly holds: readonly Reservation[];
  /** Reservations that exist, as they shall be. */
  readonly changes: readonly Reservation[];
  /** Orders and refunds, new or as they shall be. */
  readonly orders?: readonly Order[];
  readonly refunds?: readonly Refund[];
  /** New payments, and the steps of orders and refunds. */
  readonly payments?: readonly Payment[];
  readonly steps?: readonly Step[];
  /** New redemptions of campaigns. */
  readonly redemptions?: readonly Redemption[];
  readonly events?: readonly NewEvent[];
  /** What a change of the membership leaves in its record. */
  readonly membershipSteps?: readonly MembershipStep[];
  /** What changes about the user besides the balances. */
  readonly user?: Partial<
    Pick<
      User,
      | "state"
      | "suspendReason"
      | "planId"
      | "onTrial"
      | "membershipStartMs"
      | "membershipUntilMs"
      | "membershipAnchorMs"
      | "membershipAnchorMonths"
      | "membershipState"
      | "membershipSteps"
      | "expiryTold"
      | "createTimeMs"
    >
  >;
}

export const NO_EFFECTS: Effects = { lots: [], entries: [], holds: [], changes: [] };

/** An entry that has happened: a row of the log. */
export interface LogRow extends Entry {
  readonly userId: UserId;
  /** Counts the user's rows from 1 without a gap. */
  readonly sequence: bigint;
  readonly availableAfter: QuotaUnits;
  readonly heldAfter: QuotaUnits;
  readonly grantRemainingAfter: QuotaUnits;
}

/**
 * Posts effects to an account.
 * @returns the rows for the log, in order
 * @throws Error (a bug) before anything below zero could be stored
 */
export function post(account: Account, effects: Effects, nowMs: number): LogRow[] {
  const { user } = account;
  account.lots.push(...effects.lots);
  const rows = effects.entries.map((entry) => postEntry(account, entry, nowMs));
  for (const reservation of [...effects.holds, ...effects.changes]) {
    account.reservations.set(reservation.reservationId, reservation);
    noteUse(account, reservation);
  }
  if (effects.user) {
    const steps = effects.membershipSteps?.length ?? 0;
    const changes = "state" in effects.user || "membershipUntilMs" in effects.user;
    assert(steps === (changes ? 1 : 0), "a change of a membership leaves a step");
    Object.assign(user, effects.user);
  }
  for (const order of effects.orders ?? []) keep(account, order.orderId, { order });
  for (const refund of effects.refunds ?? []) {
    const others = account.orders.get(refund.orderId)?.refunds ?? [];
    const refunds = [...others.filter(({ refundId }) => refundId !== refund.refundId), refund];
    keep(account, refund.orderId, { refunds });
  }
  for (const payment of effects.payments ?? []) {
    const before = account.orders.get(payment.orderId)?.payments ?? [];
    keep(account, payment.orderId, { payments: [...before, payment] });
  }
  return rows;
}

/** What a later command of the batch finds of an order. */
function keep(account: Account, orderId: OrderId, part: Partial<OrderFile>): void {
  const file = account.orders.get(orderId);
  if (file === undefined && part.order !== undefined) account.openOrders += 1;
  const order = part.order ?? file?.order;
  assert(order !== undefined, "payments and refunds belong to a loaded order");
  account.orders.set(orderId, { payments: [], refunds: [], ...file, order, ...part });
}

function postEntry(account: Account, entry: Entry, nowMs: number): LogRow {
  const { user } = account;
  let grantRemainingAfter = 0n;
  if (entry.grantId !== null) {
    const lot = account.lots.find(({ grantId }) => grantId === entry.grantId);
    assert(lot !== undefined, "an entry names a loaded lot");
    moveLot(lot, entry, nowMs);
    grantRemainingAfter = lot.remaining;
  }
  user.available += entry.available;
  user.held += entry.held;
  user.logSequence += 1n;
  assert(user.available >= 0n && user.held >= 0n, "a posting leaves no balance below zero");
  return {
    ...entry,
    userId: user.userId,
    sequence: user.logSequence,
    availableAfter: user.available,
    heldAfter: user.held,
    grantRemainingAfter,
  };
}

function moveLot(lot: Lot, entry: Entry, nowMs: number): void {
  lot.remaining += entry.available;
  assert(lot.remaining >= 0n && lot.remaining <= lot.amount, "a lot stays within its amount");
  // A lot that is taken back before its time has nothing to be taken from it, and never begins.
  const neverBegins = entry.type === "REVOKE" && lot.state === "SCHEDULED";
  if (entry.type === "EXPIRE_GRANT" || neverBegins) {
    lot.state = "EXPIRED";
    return;
  }
  if (entry.available > 0n && lot.expireTimeMs !== null && lot.expireTimeMs <= nowMs) {
    // What comes back to a lot whose time is over would be lost at once: it gets a grace.
    lot.expireTimeMs = nowMs + RETURN_GRACE_MS;
  }
  if (lot.remaining > 0n) lot.state = "OPEN";
  else if (lot.state === "OPEN") lot.state = "EXHAUSTED";
}

/** Keeps the uses that limits count in step with the reservations of the same batch. */
function noteUse(account: Account, reservation: Reservation): void {
  const uses = account.uses.get(reservation.featureId);
  if (uses === undefined) return;
  const use = useOf(reservation);
  const at = uses.findIndex(({ reservationId }) => reservationId === use.reservationId);
  if (at >= 0) uses[at] = use;
  else uses.push(use);
}

/**
 * One entry an allocation; where there is none, such as for a feature that costs nothing or a hold that
 * expired before its refund, one entry that records the outcome and moves nothing.
 */
export function entriesFor(
  type: LogType,
  reservationId: ReservationId | null,
  allocations: readonly Allocation[],
  signs: { available: 1n | 0n | -1n; held: 1n | 0n | -1n },
  description: string,
): Entry[] {
  if (allocations.length === 0) {
    return [{ type, grantId: null, reservationId, available: 0n, held: 0n, description }];
  }
  return allocations.map(({ grantId, amount }) => ({
    type,
    grantId,
    reservationId,
    available: signs.available * amount,
    held: signs.held * amount,
    description,
  }));
}

/**
 * Lots whose time has come: scheduled ones that become effective, open ones that lapse. It is posted
 * before any decision on the account, so that no decision depends on when a sweeper ran.
 */
export function dueLots(account: Account, nowMs: number): Effects {
  const entries: Entry[] = [];
  for (const lot of account.lots) {
    const over = lot.expireTimeMs !== null && lot.expireTimeMs <= nowMs;
    if (lot.state === "SCHEDULED" && lot.effectiveTimeMs <= nowMs && !over) {
      entries.push(lotEntry("ACTIVATE", lot, lot.amount, "the lot became effective"));
    } else if (lot.state === "OPEN" && over) {
      entries.push(lotEntry("EXPIRE_GRANT", lot, -lot.remaining, "the lot's time is over"));
    } else if (lot.state === "SCHEDULED" && over) {
      entries.push(lotEntry("EXPIRE_GRANT", lot, 0n, "the lot's time was over before it was effective"));
    }
  }
  return { ...NO_EFFECTS, entries };
}

function lotEntry(type: LogType, lot: Lot, available: QuotaUnits, description: string): Entry {
  return { type, grantId: lot.grantId, reservationId: null, available, held: 0n, description };
}
