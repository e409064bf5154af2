// expect: FAIL
// item: 2
import { raw, type EntityManager } from "@mikro-orm/mysql";
import { Reservation } from "./reservation.ts";
import { User } from "./user.ts";

export class RefundReservation {
  constructor(private readonly em: EntityManager) {}

  async run(reservationId: string) {
    const reservation = await this.em.findOneOrFail(Reservation, { id: reservationId });
    if (reservation.refundedAt !== null) return;
    await this.em.nativeUpdate(
      User,
      { id: reservation.userId },
      { quotaRemaining: raw("quota_remaining + ?", [reservation.amount]) },
    );
    reservation.refundedAt = new Date();
    await this.em.flush();
  }
}
