// expect: FAIL
// item: 1
import { MikroORM } from "@mikro-orm/postgresql";
import { Account } from "./account.ts";

export async function charge(orm: MikroORM, accountId: number, units: number) {
  await orm.em.transactional(async (em) => {
    const account = await em.findOne(Account, accountId);
    if (!account || account.balance < units) throw new Error("balance too low");
    account.balance = account.balance - units;
  });
}
