// expect: BG001
import { EntityManager } from "@mikro-orm/core";
import { User } from "./user";
export class Credits {
  constructor(private readonly em: EntityManager) {}
  async spend(id: string, cost: number) {
    const user = await this.em.findOneOrFail(User, id);
    if (user.credits < cost) throw new Error("no credits");
    user.credits -= cost;
    await this.em.flush();
  }
}
