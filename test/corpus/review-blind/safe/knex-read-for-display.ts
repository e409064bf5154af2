// expect: none
// item: 1
import type { Knex } from "knex";

export async function showQuota(knex: Knex, userId: string) {
  const user = await knex("users").where({ id: userId }).first("quota_remaining", "display_name");
  return { name: user.display_name, left: user.quota_remaining, low: user.quota_remaining < 5 };
}

export async function rename(knex: Knex, userId: string, displayName: string) {
  await knex("users").where({ id: userId }).update({ display_name: displayName });
}
