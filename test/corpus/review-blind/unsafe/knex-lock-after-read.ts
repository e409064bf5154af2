// expect: FAIL
// item: 1
import type { Knex } from "knex";

export async function deduct(knex: Knex, userId: string, cost: number) {
  return knex.transaction(async (trx) => {
    const before = await trx("users").where({ id: userId }).first();
    if (before.quota_remaining < cost) throw new Error("quota exhausted");

    await trx("users").where({ id: userId }).forUpdate().select("id");
    await trx("users")
      .where({ id: userId })
      .update({ quota_remaining: before.quota_remaining - cost });
  });
}
