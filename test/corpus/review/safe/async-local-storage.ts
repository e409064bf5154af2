// expect: none
import { AsyncLocalStorage } from "node:async_hooks";
import { knex } from "./knex";
const storage = new AsyncLocalStorage();
const conn = () => storage.getStore() ?? knex;
async function inTransaction(work) {
  return knex.transaction((trx) => storage.run(trx, work));
}
export async function spend(id: string, cost: number) {
  return inTransaction(async () => {
    const user = await conn()("users").where({ id }).forUpdate().first();
    if (user.credits < cost) throw new Error("no credits");
    await conn()("users").where({ id }).decrement("credits", cost);
  });
}
