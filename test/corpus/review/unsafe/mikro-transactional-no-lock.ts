// expect: BG002
import { orm } from "./orm";
import { User } from "./user";
export async function spend(id: string, cost: number) {
  await orm.em.fork().transactional(async (em) => {
    const user = await em.findOneOrFail(User, { id });
    if (user.credits < cost) throw new Error("no credits");
    user.credits -= cost;
  });
}
