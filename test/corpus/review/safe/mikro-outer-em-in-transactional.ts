// expect: none
import { EntityManager, LockMode } from "@mikro-orm/core";
import { User } from "./user";
export class Credits {
  constructor(private readonly em: EntityManager) {}
  async spend(id: string, cost: number) {
    await this.em.transactional(async () => {
      const user = await this.em.findOneOrFail(User, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (user.credits < cost) throw new Error("no credits");
      await this.em.nativeUpdate(User, { id }, { credits: user.credits - cost });
    });
  }
}
