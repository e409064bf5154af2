// expect: BG018
import { db } from "./db";
export async function charge(userId: string, cost: number) {
  return db.transaction(async (trx) => {
    const updated = await trx("wallets").where({ user_id: userId }).andWhere("balance", ">=", cost)
      .update({ balance: trx.raw("balance - ?", [cost]) }).returning("balance");
    if (!updated.length) throw new Error("insufficient");
    await trx("wallet_logs").insert({ user_id: userId, amount: -cost, balance_after: updated[0].balance });
  });
}
