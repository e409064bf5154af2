// expect: BG002
import { prisma } from "./prisma";
export async function deduct(userId: string, cost: number) {
  return prisma.$transaction(async (tx) => {
    const user = await tx.user.findUniqueOrThrow({ where: { id: userId } });
    if (user.credits < cost) throw new Error("no credits");
    return tx.user.update({ where: { id: userId }, data: { credits: { decrement: cost } } });
  });
}
