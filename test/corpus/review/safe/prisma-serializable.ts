// expect: BG018
import { prisma, Prisma } from "./prisma";
export async function spend(userId: string, cost: number) {
  await prisma.$transaction(async (tx) => {
    const user = await tx.user.findUnique({ where: { id: userId } });
    if (user.credits < cost) throw new Error("no credits");
    await tx.user.update({ where: { id: userId }, data: { credits: { decrement: cost } } });
  }, { isolationLevel: Prisma.TransactionIsolationLevel.Serializable });
}
