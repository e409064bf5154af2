// expect: none
// item: 1
import type { Knex } from "knex";

export async function chargeAll(knex: Knex, jobs: { userId: string; cost: number }[]) {
  const sorted = jobs.toSorted((a, b) => a.userId.localeCompare(b.userId));
  for (const { userId, cost } of sorted) {
    await knex.transaction(async (trx) => {
      const user = await trx("users").where({ id: userId }).forUpdate().first();
      if (user.quota_remaining < cost) return;
      await trx("users").where({ id: userId }).decrement("quota_remaining", cost);
    });
  }
}
