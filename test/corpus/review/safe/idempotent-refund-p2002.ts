// expect: none
import { prisma, Prisma } from "./prisma";
export async function refund(taskId: string, userId: string, amount: number) {
  try {
    await prisma.$transaction([
      prisma.refund.create({ data: { taskId, amount } }),
      prisma.user.update({ where: { id: userId }, data: { credits: { increment: amount } } }),
    ]);
  } catch (error) {
    if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === "P2002") return false;
    throw error;
  }
  return true;
}
