/** CommitQuota: spends a hold when the task is done, or less than it held and gives the rest back. */
import type { GrantId, ReservationId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import { Refusal } from "../refusal.ts";
import type { Desk, UseCase } from "./desk.ts";
import { draw, headOf, liveTotal, tailOf } from "./lot.ts";
import { entriesFor, NO_EFFECTS, type Entry } from "./posting.ts";
import type { Reservation } from "./reservation.ts";
import { answerFor, findReservation, notHeld, reservationAnswers } from "./settled.ts";
import type { ReservationAnswer } from "./settled.ts";

export interface CommitQuota {
  readonly reservationId: ReservationId;
  /** Quota units really spent, from 0 up; null for all that is held. */
  readonly actualAmount: QuotaUnits | null;
}

/**
 * Refused as RESERVATION_NOT_FOUND, ALREADY_REFUNDED, RESERVATION_NOT_HELD, COMMIT_EXCEEDS_RESERVATION,
 * RESERVATION_EXPIRED.
 */
export const commitQuota: UseCase<CommitQuota, ReservationAnswer> = {
  method: "CommitQuota",
  alwaysLogged: true,
  needs: ({ reservationId }) => ({ reservationId }),
  content: ({ reservationId, actualAmount }) => ({
    reservation_id: reservationId,
    actual_amount: actualAmount === null ? "all" : actualAmount.toString(),
  }),
  decide(desk, input) {
    const held = findReservation(desk, input.reservationId);
    const actual = committable(held, input.actualAmount);
    const { reservation, entries } =
      held.state === "EXPIRED" ? commitAnew(desk, held, actual) : commitHeld(desk, held, actual);
    return {
      effects: { ...NO_EFFECTS, entries, changes: [reservation] },
      answer: answerFor(desk, reservation),
    };
  },
  answers: reservationAnswers,
};

/** The amount that may be committed, or the refusal. */
function committable(reservation: Reservation, asked: QuotaUnits | null): QuotaUnits {
  const { reservationId, amount, state } = reservation;
  if (state === "REFUNDED") {
    const message = "the quota went back, so the task can't be charged any more";
    throw new Refusal("ALREADY_REFUNDED", message, { reservationId });
  }
  if (state === "COMMITTED") throw notHeld(reservation);
  const actual = asked ?? amount;
  if (actual > amount) {
    const message = `${amount} quota units were held, so ${actual} can't be committed`;
    const facts = { reservationId, amount: amount.toString(), actualAmount: actual.toString() };
    throw new Refusal("COMMIT_EXCEEDS_RESERVATION", message, facts);
  }
  return actual;
}

/**
 * An open hold, even one whose time is over: as long as no sweeper gave it back, its quota is there.
 * The lots drawn first are spent first, so that what comes back lives longest.
 */
function commitHeld(desk: Desk, held: Reservation, actual: QuotaUnits) {
  const spent = headOf(held.allocations, actual);
  const rest = tailOf(held.allocations, actual);
  const id = held.reservationId;
  const entries = entriesFor("COMMIT", id, spent, { available: 0n, held: -1n }, `task ${held.taskId}`);
  if (rest.length > 0) {
    const back = { available: 1n, held: -1n } as const;
    entries.push(...entriesFor("RELEASE", id, rest, back, "less was spent than held"));
  }
  const reservation = committed(desk, held, actual, held.amount - actual);
  return { reservation, entries };
}

/** The hold went back already: the work is done, so it is charged from what there is now, or not at all. */
function commitAnew(desk: Desk, expired: Reservation, actual: QuotaUnits) {
  const { account, nowMs } = desk;
  const id = expired.reservationId;
  if (actual > liveTotal(account.lots, nowMs)) {
    const message = "the hold expired, and the balance doesn't allow a new one";
    throw new Refusal("RESERVATION_EXPIRED", message, { reservationId: id });
  }
  const allocations = draw(account.lots, actual, nowMs, new Map<GrantId, QuotaUnits>());
  const entries: Entry[] = [
    ...entriesFor("RESERVE", id, allocations, { available: -1n, held: 1n }, "held anew after expiry"),
    ...entriesFor("COMMIT", id, allocations, { available: 0n, held: -1n }, `task ${expired.taskId}`),
  ];
  const reservation = committed(desk, { ...expired, allocations }, actual, expired.amount - actual);
  return { reservation, entries };
}

function committed(
  desk: Desk,
  held: Reservation,
  committedAmount: QuotaUnits,
  refundedAmount: QuotaUnits,
): Reservation {
  const commitTimeMs = desk.nowMs;
  return {
    ...held,
    state: "COMMITTED",
    committedAmount,
    refundedAmount,
    commitTimeMs,
    // Expiry had ended it; the charge makes it refundable again.
    eligibleForRefund: true,
  };
}
