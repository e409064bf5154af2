// expect: FAIL
// item: 1
import { Injectable } from "@nestjs/common";
import { InjectRepository } from "@nestjs/typeorm";
import { Repository } from "typeorm";
import { Wallet } from "./wallet.entity";

@Injectable()
export class CreditsService {
  constructor(@InjectRepository(Wallet) private readonly wallets: Repository<Wallet>) {}

  async spend(userId: string, amount: number): Promise<number> {
    const wallet = await this.wallets.findOneByOrFail({ userId });
    if (wallet.credits < amount) throw new Error("insufficient credits");
    await this.wallets.decrement({ userId }, "credits", amount);
    return wallet.credits - amount;
  }
}
