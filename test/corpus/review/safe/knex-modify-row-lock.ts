// expect: none
import type { Knex } from "knex";

function forChange(query: Knex.QueryBuilder) {
  return query.forUpdate();
}

export async function spend(knex: Knex, userId: string, amount: number) {
  await knex.transaction(async (trx) => {
    const account = await trx("users").where("id", userId).modify(forChange).first();
    if (account.credits < amount) throw new Error("too few credits");
    await trx("users").where("id", userId).decrement("credits", amount);
  });
}
