// expect: FAIL
// item: 1
import { DataSource } from "typeorm";
import { Account } from "./account.entity";

export async function spendCredits(ds: DataSource, accountId: string, credits: number) {
  const runner = ds.createQueryRunner();
  await runner.connect();
  await runner.startTransaction();
  try {
    const account = await runner.manager.findOneOrFail(Account, { where: { id: accountId } });
    if (account.credits < credits) throw new Error("not enough credits");
    await runner.manager.update(Account, accountId, { credits: account.credits - credits });
    await runner.commitTransaction();
  } catch (error) {
    await runner.rollbackTransaction();
    throw error;
  } finally {
    await runner.release();
  }
}
