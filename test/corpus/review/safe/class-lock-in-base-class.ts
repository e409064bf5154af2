// expect: none
// file: base.ts
export abstract class BaseRepository {
  constructor(protected readonly trx, private readonly table: string) {}
  protected lock(id: string) { return this.trx(this.table).where({ id }).forUpdate().first(); }
}
// file: users.ts
import { BaseRepository } from "./base";
export class UserRepository extends BaseRepository {
  constructor(trx) { super(trx, "users"); }
  async spend(id: string, cost: number) {
    const user = await this.lock(id);
    if (user.credits < cost) throw new Error("no credits");
    await this.trx("users").where({ id }).decrement("credits", cost);
  }
}
// file: service.ts
import { knex } from "./knex";
import { UserRepository } from "./users";
export async function spend(id: string) {
  await knex.transaction(async (trx) => new UserRepository(trx).spend(id, 3));
}
