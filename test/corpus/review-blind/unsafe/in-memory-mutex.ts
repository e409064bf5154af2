// expect: FAIL
// item: 1
import { Mutex } from "async-mutex";
import { DataSource } from "typeorm";
import { Account } from "./account.entity";

const mutex = new Mutex();

// Holds within this process only; the next server knows nothing of it.
export function spend(ds: DataSource, id: string, credits: number) {
  return mutex.runExclusive(async () => {
    const account = await ds.getRepository(Account).findOneByOrFail({ id });
    if (account.credits < credits) throw new Error("not enough credits");
    account.credits -= credits;
    await ds.getRepository(Account).save(account);
  });
}
