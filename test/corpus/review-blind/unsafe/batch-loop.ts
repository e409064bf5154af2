// expect: FAIL
// item: 1
import type { Knex } from "knex";

export async function chargeAll(knex: Knex, jobs: { userId: string; cost: number }[]) {
  for (const { userId, cost } of jobs) {
    const user = await knex("users").where({ id: userId }).first();
    if (user.quota_remaining >= cost) {
      await knex("users").where({ id: userId }).decrement("quota_remaining", cost);
    }
  }
}
