// expect: FAIL
// item: 1
import { EntityManager } from "typeorm";
import { User } from "./user.entity";

export async function take(em: EntityManager, id: string, n: number) {
  return em.transaction(async (tx) => {
    const user = await tx.findOneByOrFail(User, { id });
    user.quota -= n;
    if (user.quota < 0) throw new Error("exhausted");
    await tx.save(user);
    await tx.findOne(User, { where: { id }, lock: { mode: "pessimistic_write" } });
  });
}
