// expect: BG018
import { EntityManager } from "typeorm";
import { UserEntity } from "./user.entity";
export class BillingService {
  async deduct(em: EntityManager, userId: number, amount: number): Promise<void> {
    const result = await em
      .createQueryBuilder()
      .update(UserEntity)
      .set({ balance: () => `balance - ${amount}` })
      .where("user_id = :userId AND balance >= :amount", { userId, amount })
      .execute();
    if (!result.affected) throw new Error("Insufficient balance");
  }
}
