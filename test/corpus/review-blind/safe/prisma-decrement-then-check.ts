// expect: none
// item: 1
import { prisma } from "./client";

export async function consume(userId: string, cost: number) {
  await prisma.$transaction(async (tx) => {
    const user = await tx.user.update({
      where: { id: userId },
      data: { quotaRemaining: { decrement: cost } },
    });
    // Thrown inside of the callback: the transaction is rolled back.
    if (user.quotaRemaining < 0) throw new Error("QUOTA_INSUFFICIENT");
  });
}
