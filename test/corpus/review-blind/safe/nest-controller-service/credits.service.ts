// expect: none
// item: 1
import { Injectable } from "@nestjs/common";
import { InjectDataSource } from "@nestjs/typeorm";
import { DataSource } from "typeorm";
import { Wallet } from "./wallet.entity";

@Injectable()
export class CreditsService {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  async spend(userId: string, amount: number): Promise<number> {
    return this.dataSource.transaction(async (manager) => {
      const wallets = manager.getRepository(Wallet);
      const wallet = await wallets.findOneOrFail({ where: { userId }, lock: { mode: "pessimistic_write" } });
      if (wallet.credits < amount) throw new Error("insufficient credits");
      await wallets.decrement({ userId }, "credits", amount);
      return wallet.credits - amount;
    });
  }
}
