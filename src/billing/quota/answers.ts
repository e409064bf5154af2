/**
 * Answers as they are kept with their idempotency key, so that a replay is the first answer again,
 * for ever. An answer keeps what may change later about its reservations; what never changes is
 * taken from their rows. Short arrays, since one is written with every command: JSON in which amounts
 * are numbers, which AMOUNT_MAX keeps exact.
 */
import type { GrantId, ReservationId } from "../id.ts";
import type { Balance } from "./account.ts";
import type { Allocation, Lot } from "./lot.ts";
import type { RefundReason, Reservation, ReservationState } from "./reservation.ts";

/** Finds the row of a reservation that a stored answer names. */
export type FindReservation = (id: ReservationId) => Reservation;

/** How a use case keeps its answers. */
export interface Answers<Answer> {
  write(answer: Answer): string;
  read(text: string, find: FindReservation): Answer;
}

type StoredAllocation = readonly [GrantId, number];

/** The changing part of a reservation; the fields after the allocations are left out while it is HELD. */
type StoredReservation = readonly [
  id: ReservationId,
  expireTimeMs: number,
  allocations: readonly StoredAllocation[],
  settled?: readonly [
    state: ReservationState,
    committedAmount: number,
    refundedAmount: number,
    eligibleForRefund: boolean,
    countsForLimits: boolean,
    commitTimeMs: number | null,
    refund: readonly [number, RefundReason, string, string] | null,
  ],
];

type StoredBalance = readonly [
  available: number,
  held: number,
  nextExpireTimeMs: number | null,
  nextExpireAmount: number,
];

/** What every stored answer begins with: the reservations that it names. */
type StoredAnswer<Rest extends readonly unknown[]> = readonly [
  reservations: readonly StoredReservation[],
  ...rest: Rest,
];

/** Answers that name reservations and a balance, and perhaps one thing more. */
export function writeAnswer(
  reservations: readonly Reservation[],
  balance: Balance,
  more?: unknown,
): string {
  const stored: StoredAnswer<[StoredBalance, unknown?]> = [
    reservations.map(storeReservation),
    storeBalance(balance),
    ...(more === undefined ? ([] as const) : ([more] as const)),
  ];
  return JSON.stringify(stored);
}

/** The parts of such an answer. */
export function readAnswer(
  text: string,
  find: FindReservation,
): { reservations: Reservation[]; balance: Balance; more: unknown } {
  const [reservations, balance, more] = JSON.parse(text) as StoredAnswer<[StoredBalance, unknown]>;
  return {
    reservations: reservations.map((stored) => readReservation(stored, find)),
    balance: readBalance(balance),
    more,
  };
}

/** The reservations that a stored answer names, so that their rows can be loaded before it is read. */
export function reservationsIn(text: string): ReservationId[] {
  const [reservations] = JSON.parse(text) as StoredAnswer<[]>;
  return reservations.map(([id]) => id);
}

/** An answer that names no reservation. */
export function plainAnswers<Answer>(): Answers<Answer> {
  return {
    write: (answer) => JSON.stringify([[], answer]),
    read: (text) => JSON.parse(text)[1] as Answer,
  };
}

function storeReservation(reservation: Reservation): StoredReservation {
  const { reservationId, expireTimeMs, state } = reservation;
  const allocations = reservation.allocations.map(storeAllocation);
  if (state === "HELD") return [reservationId, expireTimeMs, allocations];
  const { refundTimeMs, refundReason, failedStep, refundDetail } = reservation;
  const refund = [refundTimeMs!, refundReason!, failedStep, refundDetail] as const;
  const settled = [
    state,
    Number(reservation.committedAmount),
    Number(reservation.refundedAmount),
    reservation.eligibleForRefund,
    reservation.countsForLimits,
    reservation.commitTimeMs,
    refundTimeMs === null ? null : refund,
  ] as const;
  return [reservationId, expireTimeMs, allocations, settled];
}

function readReservation(stored: StoredReservation, find: FindReservation): Reservation {
  const [id, expireTimeMs, allocations, settled] = stored;
  const [state, committed, refunded, eligible, counts, commitTimeMs, refund] = settled ?? HELD;
  return {
    ...find(id),
    expireTimeMs,
    allocations: allocations.map(readAllocation),
    state,
    committedAmount: BigInt(committed),
    refundedAmount: BigInt(refunded),
    eligibleForRefund: eligible,
    countsForLimits: counts,
    commitTimeMs,
    refundTimeMs: refund?.[0] ?? null,
    refundReason: refund?.[1] ?? null,
    failedStep: refund?.[2] ?? "",
    refundDetail: refund?.[3] ?? "",
  };
}

/** What a reservation is while it is held. */
const HELD = ["HELD", 0, 0, true, true, null, null] as const;

export function storeAllocation({ grantId, amount }: Allocation): StoredAllocation {
  return [grantId, Number(amount)];
}

export function readAllocation([grantId, amount]: StoredAllocation): Allocation {
  return { grantId, amount: BigInt(amount) };
}

export function storeBalance(balance: Balance): StoredBalance {
  const { available, held, nextExpireTimeMs, nextExpireAmount } = balance;
  return [Number(available), Number(held), nextExpireTimeMs, Number(nextExpireAmount)];
}

export function readBalance(stored: StoredBalance): Balance {
  const [available, held, nextExpireTimeMs, nextExpireAmount] = stored;
  return {
    available: BigInt(available),
    held: BigInt(held),
    nextExpireTimeMs,
    nextExpireAmount: BigInt(nextExpireAmount),
  };
}

export type StoredLot = Omit<Lot, "amount" | "remaining"> & { amount: number; remaining: number };

export function storeLot(lot: Lot): StoredLot {
  return { ...lot, amount: Number(lot.amount), remaining: Number(lot.remaining) };
}

export function readLot(stored: StoredLot): Lot {
  return { ...stored, amount: BigInt(stored.amount), remaining: BigInt(stored.remaining) };
}
