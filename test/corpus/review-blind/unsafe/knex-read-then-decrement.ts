// expect: FAIL
// item: 1
import type { Knex } from "knex";

export class CreditService {
  constructor(private readonly db: Knex) {}

  async spend(userId: string, amount: number): Promise<void> {
    const user = await this.db("users").where({ id: userId }).first();
    if (!user) throw new Error("user not found");
    if (user.quota_remaining < amount) {
      throw new Error("insufficient quota");
    }
    await this.db("users").where({ id: userId }).decrement("quota_remaining", amount);
    await this.db("quota_logs").insert({ user_id: userId, type: "consume", amount });
  }
}
