// expect: none
import { prisma } from "./prisma";
export async function refundGeneration(id: string, userId: string, cost: number) {
  await prisma.$transaction(async (tx) => {
    const claim = await tx.generation.updateMany({ where: { id, refundedAt: null }, data: { refundedAt: new Date() } });
    if (claim.count === 0) return;
    await tx.user.update({ where: { id: userId }, data: { credits: { increment: cost } } });
  });
}
