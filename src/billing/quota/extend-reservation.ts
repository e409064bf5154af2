/** ExtendReservation: the heartbeat of a long task. */
import type { ReservationId } from "../id.ts";
import { Refusal } from "../refusal.ts";
import type { UseCase } from "./desk.ts";
import { NO_EFFECTS } from "./posting.ts";
import { HOLD_MAX_MS } from "./reservation.ts";
import { answerFor, findReservation, notHeld, reservationAnswers } from "./settled.ts";
import type { ReservationAnswer } from "./settled.ts";

export interface ExtendReservation {
  readonly reservationId: ReservationId;
  /** The hold's new life from now on, in milliseconds. */
  readonly ttlMs: number;
}

/**
 * Moves the end of a hold: never nearer, and never past HOLD_MAX_MS after it was made. Refused as
 * RESERVATION_NOT_FOUND, RESERVATION_NOT_HELD, HOLD_LIMIT_REACHED.
 */
export const extendReservation: UseCase<ExtendReservation, ReservationAnswer> = {
  method: "ExtendReservation",
  needs: ({ reservationId }) => ({ reservationId }),
  content: ({ reservationId, ttlMs }) => ({ reservation_id: reservationId, ttl: `${ttlMs}ms` }),
  decide(desk, { reservationId, ttlMs }) {
    const held = findReservation(desk, reservationId);
    if (held.state !== "HELD") throw notHeld(held);
    const limitMs = held.createTimeMs + HOLD_MAX_MS;
    if (held.expireTimeMs >= limitMs || desk.nowMs >= limitMs) {
      const maxHoldSeconds = String(HOLD_MAX_MS / 1000);
      const message = `no hold lives longer than ${maxHoldSeconds} seconds`;
      throw new Refusal("HOLD_LIMIT_REACHED", message, { reservationId, maxHoldSeconds });
    }
    const expireTimeMs = Math.min(Math.max(held.expireTimeMs, desk.nowMs + ttlMs), limitMs);
    const reservation = { ...held, expireTimeMs };
    return {
      effects: { ...NO_EFFECTS, changes: [reservation] },
      answer: answerFor(desk, reservation),
    };
  },
  answers: reservationAnswers,
};
