// expect: FAIL
// item: 1
import { DataSource } from "typeorm";
import { Wallet } from "./entities/wallet";
import { WalletEntry } from "./entities/wallet-entry";

export async function withdraw(dataSource: DataSource, walletId: string, cents: number) {
  await dataSource.transaction("REPEATABLE READ", async (manager) => {
    const wallet = await manager.findOne(Wallet, { where: { id: walletId } });
    if (!wallet || wallet.balance < cents) throw new Error("insufficient balance");
    wallet.balance = wallet.balance - cents;
    await manager.save(wallet);
    await manager.insert(WalletEntry, { walletId, amount: -cents });
  });
}
