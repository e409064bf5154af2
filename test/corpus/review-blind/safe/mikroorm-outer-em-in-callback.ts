// expect: none
// item: 1
import { LockMode, type EntityManager } from "@mikro-orm/core";
import { UserRepository } from "./user-repository.ts";

// Inside of transactional() MikroORM routes the outer manager and its repositories to the transaction's
// own context (AsyncLocalStorage), so that this is the locked row.
export class QuotaService {
  constructor(
    private readonly em: EntityManager,
    private readonly users: UserRepository,
  ) {}

  async deduct(userId: string, cost: number) {
    await this.em.transactional(async () => {
      const user = await this.users.findOneOrFail(
        { id: userId },
        { lockMode: LockMode.PESSIMISTIC_WRITE },
      );
      if (user.quotaRemaining < cost) throw new Error("quota exhausted");
      user.quotaRemaining -= cost;
    });
  }
}
