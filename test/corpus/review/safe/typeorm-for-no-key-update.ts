// expect: none
import { dataSource } from "./data-source";
export async function spend(id: string, cost: number) {
  await dataSource.transaction(async (em) => {
    const user = await em.findOne(User, { where: { id }, lock: { mode: "for_no_key_update" } });
    if (!user || user.credits < cost) throw new Error("no credits");
    await em.decrement(User, { id }, "credits", cost);
  });
}
