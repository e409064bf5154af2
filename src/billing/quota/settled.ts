/** What the answers to commits, refunds and extensions have in common. */
import type { ReservationId } from "../id.ts";
import { Refusal } from "../refusal.ts";
import { balanceOf, type Balance } from "./account.ts";
import { readAnswer, writeAnswer, type Answers } from "./answers.ts";
import type { Desk } from "./desk.ts";
import type { Reservation } from "./reservation.ts";

export interface ReservationAnswer {
  readonly reservation: Reservation;
  readonly balance: Balance;
}

export const reservationAnswers: Answers<ReservationAnswer> = {
  write: ({ reservation, balance }) => writeAnswer([reservation], balance),
  read: (text, find) => {
    const { reservations, balance } = readAnswer(text, find);
    return { reservation: reservations[0]!, balance };
  },
};

/** The answer once a change of one reservation was posted. */
export function answerFor(desk: Desk, reservation: Reservation): () => ReservationAnswer {
  return () => ({ reservation, balance: balanceOf(desk.account, desk.nowMs) });
}

/** @throws Refusal RESERVATION_NOT_FOUND */
export function findReservation(desk: Desk, reservationId: ReservationId): Reservation {
  const reservation = desk.account.reservations.get(reservationId);
  if (reservation === undefined) throw reservationNotFound(reservationId);
  return reservation;
}

export function reservationNotFound(reservationId: ReservationId): Refusal {
  return new Refusal("RESERVATION_NOT_FOUND", "there is no such reservation", { reservationId });
}

export function notHeld({ reservationId, state }: Reservation): Refusal {
  const message = `the reservation is ${state}, and only an open hold can do this`;
  return new Refusal("RESERVATION_NOT_HELD", message, { reservationId, state });
}
