/**
 * An account is all that the decisions on one user's quota may see, loaded under the lock of the
 * user's row. Commands of one batch see each other through it: what one has posted, the next finds.
 */
import type { FeatureId, OrderId, ReservationId, TaskId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import type { User } from "../membership/user.ts";
import type { OrderFile } from "../order/order.ts";
import { liveTotal, nextExpiry, type Lot } from "./lot.ts";
import type { Reservation } from "./reservation.ts";

export interface Account {
  readonly user: User;
  /** Every lot that is open or scheduled, and those that loaded reservations were drawn from. */
  readonly lots: Lot[];
  /** The reservations that the batch's commands name. */
  readonly reservations: Map<ReservationId, Reservation>;
  /** Uses of limited features within the last day, whatever became of them. */
  readonly uses: Map<FeatureId, Use[]>;
  /** The restricted features that name this user on their list. */
  readonly access: Set<FeatureId>;
  /** The orders that the batch's commands name, and those that they make. */
  readonly orders: Map<OrderId, OrderFile>;
  /** How many orders wait to be paid, where a command asks for it. */
  openOrders: number;
}

/** A use as the limits count it. */
export interface Use {
  readonly reservationId: ReservationId;
  readonly startMs: number;
  readonly quantity: number;
  /** Until when it is an open hold; null once it is settled. */
  readonly heldUntilMs: number | null;
  readonly counts: boolean;
}

/** A reservation as the limits see it. */
export function useOf(reservation: Reservation): Use {
  return {
    reservationId: reservation.reservationId,
    startMs: reservation.createTimeMs,
    quantity: reservation.quantity,
    heldUntilMs: reservation.state === "HELD" ? reservation.expireTimeMs : null,
    counts: reservation.countsForLimits,
  };
}

/** What a user has at one moment. */
export interface Balance {
  readonly available: QuotaUnits;
  readonly held: QuotaUnits;
  /** Null when nothing lapses. */
  readonly nextExpireTimeMs: number | null;
  readonly nextExpireAmount: QuotaUnits;
}

export function balanceOf(account: Account, nowMs: number): Balance {
  const next = nextExpiry(account.lots, nowMs);
  return {
    available: liveTotal(account.lots, nowMs),
    held: account.user.held,
    nextExpireTimeMs: next?.timeMs ?? null,
    nextExpireAmount: next?.amount ?? 0n,
  };
}

/** The loaded reservations of a task, oldest first. */
export function reservationsOfTask(account: Account, taskId: TaskId): Reservation[] {
  return [...account.reservations.values()]
    .filter((reservation) => reservation.taskId === taskId)
    .sort((left, right) => (left.reservationId < right.reservationId ? -1 : 1));
}

/** A copy that a preview can post to without touching the original. */
export function copyOf(account: Account): Account {
  return {
    user: { ...account.user },
    lots: account.lots.map((lot) => ({ ...lot })),
    reservations: new Map(account.reservations),
    uses: new Map([...account.uses].map(([feature, uses]) => [feature, [...uses]])),
    access: account.access,
    orders: new Map(account.orders),
    openOrders: account.openOrders,
  };
}
