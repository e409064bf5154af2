// expect: BG018
import { dataSource } from "./data-source";
import { User } from "./user";
export async function spend(id: string, amount: number) {
  const result = await dataSource.createQueryBuilder().update(User)
    .set({ credits: () => `credits - ${amount}` })
    .where("id = :id AND credits >= :amount", { id, amount })
    .execute();
  if (result.affected === 0) throw new Error("insufficient");
}
