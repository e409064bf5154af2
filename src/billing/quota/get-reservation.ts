/** GetReservation: one reservation as it is now. */
import type { ReservationId } from "../id.ts";
import type { QuotaReader } from "./reader.ts";
import type { Reservation } from "./reservation.ts";
import { reservationNotFound } from "./settled.ts";

/** Refused as RESERVATION_NOT_FOUND. */
export async function getReservation(
  reader: Pick<QuotaReader, "findReservation">,
  reservationId: ReservationId,
): Promise<Reservation> {
  const found = await reader.findReservation(reservationId);
  if (found === undefined) throw reservationNotFound(reservationId);
  return found;
}
