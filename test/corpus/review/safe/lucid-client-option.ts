// expect: none
import Database from "./database";
import Wallet from "./wallet";
export async function withdraw(userId: string, units: number) {
  await Database.transaction(async (trx) => {
    const wallet = await Wallet.query({ client: trx }).where("user_id", userId).forUpdate().firstOrFail();
    if (wallet.balance < units) throw new Error("not enough");
    await Wallet.query({ client: trx }).where("user_id", userId).decrement("balance", units);
  });
}
