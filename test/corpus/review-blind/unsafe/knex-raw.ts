// expect: FAIL
// item: 1
import type { Knex } from "knex";

export async function deduct(knex: Knex, userId: string, cost: number) {
  const [[user]] = await knex.raw("SELECT quota_remaining FROM users WHERE id = ?", [userId]);
  if (user.quota_remaining < cost) throw new Error("quota exhausted");
  await knex.raw("UPDATE users SET quota_remaining = quota_remaining - ? WHERE id = ?", [cost, userId]);
}
