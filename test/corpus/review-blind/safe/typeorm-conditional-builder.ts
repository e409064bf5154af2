// expect: none
// item: 1
import { Repository } from "typeorm";
import { Quota } from "./quota.entity";

export async function take(quotas: Repository<Quota>, userId: string, n: number) {
  const result = await quotas
    .createQueryBuilder()
    .update(Quota)
    .set({ remaining: () => `remaining - ${Number(n)}` })
    .where("user_id = :userId AND remaining >= :n", { userId, n })
    .execute();
  if (result.affected !== 1) throw new Error("exhausted");
}
