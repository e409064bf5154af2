// expect: none
// item: 1
import type { Knex } from "knex";

const locked = (query: Knex.QueryBuilder) => query.forUpdate();

export async function deduct(knex: Knex, userId: string, cost: number) {
  await knex.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).modify(locked).first();
    if (user.quota_remaining < cost) throw new Error("quota exhausted");
    await trx("users").where({ id: userId }).update({ quota_remaining: trx.raw("quota_remaining - ?", [cost]) });
  });
}
