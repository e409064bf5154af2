// expect: FAIL
// item: 1
import type { Knex } from "knex";

interface DeductOptions {
  lock?: boolean;
}

async function loadUser(trx: Knex.Transaction, id: string, { lock = false }: DeductOptions = {}) {
  const query = trx("users").where({ id });
  if (lock) query.forUpdate();
  return query.first();
}

export function deduct(knex: Knex, id: string, cost: number) {
  return knex.transaction(async (trx) => {
    const user = await loadUser(trx, id);
    if (user.quota_remaining < cost) throw new Error("insufficient");
    await trx("users").where({ id }).update({ quota_remaining: user.quota_remaining - cost });
  });
}
