// expect: none
import { EntityManager, LockMode } from "@mikro-orm/core";
import { User } from "./user";
export class Credits {
  constructor(private readonly em: EntityManager) {}
  async spend(id: string, cost: number) {
    await this.em.transactional(async (em) => {
      const user = await em.findOneOrFail(User, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (user.credits < cost) throw new Error("no credits");
      user.credits -= cost;
    });
  }
}
