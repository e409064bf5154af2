// expect: none
import { db } from "./db";
export async function spend(id: string, cost: number) {
  return db.$transaction(async (tx: any) => {
    const [row] = await tx.$queryRawUnsafe("SELECT credits FROM users WHERE id = $1 FOR UPDATE", id);
    if (!row || row.credits < cost) throw new Error("no credits");
    await tx.user.update({ where: { id }, data: { credits: { decrement: cost } } });
  });
}
