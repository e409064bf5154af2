// expect: BG002
import { Transactional } from "typeorm-transactional";
import { Repository } from "typeorm";
export class WalletService {
  constructor(private readonly walletRepository: Repository<Wallet>) {}
  @Transactional()
  async spend(userId: string, amount: number) {
    const wallet = await this.walletRepository.findOne({ where: { userId } });
    if (wallet.balance < amount) throw new Error("insufficient");
    wallet.balance -= amount;
    await this.walletRepository.save(wallet);
  }
}
