// expect: BG001
import { AppDataSource } from "./data-source";
import { Wallet } from "./wallet";
const repo = AppDataSource.getRepository(Wallet);
export async function spend(userId: string, amount: number) {
  const wallet = await repo.findOneByOrFail({ userId });
  if (wallet.balance < amount) throw new Error("insufficient");
  await repo.decrement({ userId }, "balance", amount);
}
