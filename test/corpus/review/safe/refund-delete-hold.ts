// expect: none
import { prisma } from "./prisma";
export async function releaseHold(holdId: string) {
  await prisma.$transaction(async (tx) => {
    const hold = await tx.creditHold.delete({ where: { id: holdId } });
    await tx.user.update({ where: { id: hold.userId }, data: { credits: { increment: hold.amount } } });
  });
}
