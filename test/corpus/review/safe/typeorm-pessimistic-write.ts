// expect: none
import { DataSource } from "typeorm";
import { Wallet } from "./wallet";
export class WalletService {
  constructor(private readonly dataSource: DataSource) {}
  async spend(userId: string, amount: number) {
    return this.dataSource.transaction(async (manager) => {
      const wallet = await manager.findOne(Wallet, { where: { userId }, lock: { mode: "pessimistic_write" } });
      if (!wallet || wallet.balance < amount) throw new Error("insufficient");
      wallet.balance -= amount;
      return manager.save(wallet);
    });
  }
}
