// expect: BG003
import { LockMode } from "@mikro-orm/core";
import { orm } from "./orm";
import { User } from "./user";
export async function spend(id: string, cost: number) {
  await orm.em.fork().transactional(async (em) => {
    const user = await em.findOneOrFail(User, { id });
    if (user.credits < cost) throw new Error("no credits");
    await em.lock(user, LockMode.PESSIMISTIC_WRITE);
    user.credits -= cost;
  });
}
