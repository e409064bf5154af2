// expect: BG002
import { dataSource } from "./data-source";
import { Wallet } from "./wallet";
export async function spend(userId: string, amount: number) {
  await dataSource.transaction(async (manager) => {
    const wallet = await manager.findOne(Wallet, { where: { userId } });
    if (wallet.balance < amount) throw new Error("insufficient");
    wallet.balance -= amount;
    await manager.save(wallet);
  });
}
