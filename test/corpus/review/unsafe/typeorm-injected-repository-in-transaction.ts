// expect: BG004
import { Repository, DataSource } from "typeorm";
export class WalletService {
  constructor(private readonly dataSource: DataSource, private readonly walletRepository: Repository<Wallet>) {}
  async spend(userId: string, amount: number) {
    await this.dataSource.transaction(async (manager) => {
      const wallet = await this.walletRepository.findOne({ where: { userId } });
      if (wallet.balance < amount) throw new Error("insufficient");
      wallet.balance -= amount;
      await this.walletRepository.save(wallet);
    });
  }
}
