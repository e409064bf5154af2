// expect: none
// item: 1
import type { Knex } from "knex";

export async function takeQuota(knex: Knex, userId: string, amount: number): Promise<void> {
  const changed = await knex("users")
    .where({ id: userId })
    .andWhere("quota_remaining", ">=", amount)
    .decrement("quota_remaining", amount);
  if (changed === 0) throw new Error("quota exhausted");
}
