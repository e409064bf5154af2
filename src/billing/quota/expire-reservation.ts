/** The sweeper's command: a hold whose owner vanished ends, and its quota goes back by itself. */
import type { ReservationId, UserId } from "../id.ts";
import { plainAnswers } from "./answers.ts";
import type { UseCase } from "./desk.ts";
import { entriesFor, NO_EFFECTS } from "./posting.ts";
import type { Reservation } from "./reservation.ts";

export interface ExpireReservation {
  readonly userId: UserId;
  readonly reservationId: ReservationId;
}

/** Ends an overdue hold; one that was settled or extended meanwhile is left as it is. */
export const expireReservation: UseCase<ExpireReservation, { readonly expired: boolean }> = {
  method: "ExpireReservation",
  needs: ({ reservationId }) => ({ reservationId }),
  content: ({ reservationId }) => ({ reservation_id: reservationId }),
  decide(desk, { reservationId }) {
    const held = desk.account.reservations.get(reservationId);
    if (held === undefined || held.state !== "HELD" || desk.nowMs < held.expireTimeMs) {
      return { effects: NO_EFFECTS, answer: () => ({ expired: false }) };
    }
    const back = { available: 1n, held: -1n } as const;
    const why = "nobody settled the hold in time";
    const entries = entriesFor("EXPIRE_HOLD", reservationId, held.allocations, back, why);
    const expired: Reservation = {
      ...held,
      state: "EXPIRED",
      refundedAmount: held.amount,
      eligibleForRefund: false,
    };
    return {
      effects: { ...NO_EFFECTS, entries, changes: [expired] },
      answer: () => ({ expired: true }),
    };
  },
  answers: plainAnswers(),
};
