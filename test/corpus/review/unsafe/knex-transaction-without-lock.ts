// expect: BG002
import knex from "./knex";
export async function useCredit(userId: string, cost: number) {
  return knex.transaction(async (trx) => {
    const wallet = await trx("wallets").where("user_id", userId).first();
    if (!wallet || wallet.balance < cost) throw new Error("insufficient");
    await trx("wallets").where("user_id", userId).update({ balance: wallet.balance - cost });
    await trx("wallet_transactions").insert({ user_id: userId, amount: -cost });
  });
}
