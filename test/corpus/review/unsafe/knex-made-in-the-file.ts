// expect: BG001
import knex from "knex";
import settings from "./settings";
const db = knex(settings.database);
export async function withdraw(walletId: string, units: number) {
  if (units <= 0) throw new Error("nothing to withdraw");
  await db("wallets").where({ id: walletId }).decrement("balance", units);
}
