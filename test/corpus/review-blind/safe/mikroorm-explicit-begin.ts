// expect: none
// item: 1
import { LockMode, type MikroORM } from "@mikro-orm/postgresql";
import { Account } from "./account.ts";

export async function charge(orm: MikroORM, accountId: number, units: number) {
  const em = orm.em.fork();
  await em.begin();
  try {
    const account = await em.findOneOrFail(Account, accountId, {
      lockMode: LockMode.PESSIMISTIC_WRITE,
      refresh: true,
    });
    if (account.balance < units) throw new Error("balance too low");
    account.balance -= units;
    await em.commit();
  } catch (error) {
    await em.rollback();
    throw error;
  }
}
