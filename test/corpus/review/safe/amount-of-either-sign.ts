// expect: BG018
import { db } from "./db";
export async function settle(sessionId: string, userId: string, used: number, paid: number) {
  await db.transaction(async (trx) => {
    const ended = await trx("sessions").where({ id: sessionId, state: "open" }).update({ state: "ended" });
    if (ended === 0) return;
    const difference = used - paid;
    if (difference > 0) {
      const changed = await trx("users").where({ id: userId }).where("credits", ">=", difference).decrement("credits", difference);
      if (changed === 0) await trx("users").where({ id: userId }).update({ credits: 0 });
    } else {
      await trx("users").where({ id: userId }).increment("credits", -difference);
    }
  });
}
