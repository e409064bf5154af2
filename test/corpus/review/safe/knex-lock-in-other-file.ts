// expect: none
// file: lock.ts
export class UserRepo {
  constructor(private readonly trx) {}
  async locked(id: string) { return this.trx("users").where({ id }).forUpdate().first(); }
  async setCredits(id: string, credits: number) { await this.trx("users").where({ id }).update({ credits }); }
}
// file: spend.ts
import { UserRepo } from "./lock";
import { inTransaction } from "./tx";
export async function spend(userId: string, cost: number) {
  return inTransaction(async (trx) => {
    const repo = new UserRepo(trx);
    const user = await repo.locked(userId);
    if (user.credits < cost) return { ok: false };
    await repo.setCredits(userId, user.credits - cost);
    return { ok: true };
  });
}
// file: tx.ts
import { knex } from "./knex";
export function inTransaction(work) { return knex.transaction((trx) => work(trx)); }
