// expect: none
import { User } from "./models/user";
export async function spend(id: string, cost: number) {
  return User.transaction(async (trx) => {
    const user = await User.query(trx).findById(id).forUpdate();
    if (!user || user.credits < cost) throw new Error("no credits");
    await User.query(trx).findById(id).patch({ credits: user.credits - cost });
  });
}
