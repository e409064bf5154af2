// expect: none
// item: 1
import type { Knex } from "knex";

export async function deduct(knex: Knex, userId: string, cost: number) {
  await knex.transaction(async (trx) => {
    const [[user]] = await trx.raw("SELECT quota_remaining FROM users WHERE id = ? FOR UPDATE", [userId]);
    if (user.quota_remaining < cost) throw new Error("quota exhausted");
    await trx.raw("UPDATE users SET quota_remaining = quota_remaining - ? WHERE id = ?", [cost, userId]);
  });
}
