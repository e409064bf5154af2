// expect: none
// item: 2
import { Prisma } from "@prisma/client";
import { prisma } from "./client";

const UNIQUE_VIOLATION = "P2002";

export async function refund(taskId: string, userId: string, amount: number): Promise<boolean> {
  try {
    await prisma.$transaction(async (tx) => {
      // refund.taskId is unique: the second one throws, and nothing is added.
      await tx.refund.create({ data: { taskId, userId, amount } });
      await tx.user.update({ where: { id: userId }, data: { quotaRemaining: { increment: amount } } });
    });
    return true;
  } catch (error) {
    if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === UNIQUE_VIOLATION) return false;
    throw error;
  }
}
