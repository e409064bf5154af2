// expect: FAIL
// item: 7
import { prisma } from "./db";

export async function createTask(user: { id: string; membership: "none" | "trial" | "paid" }, cost: number) {
  if (user.membership === "none") {
    // Visitors get a taste for free.
    return prisma.task.create({
      data: { userId: user.id, quotaCost: 0, status: "PENDING", eligibleForRefund: true },
    });
  }
  return prisma.$transaction(async (tx) => {
    const { count } = await tx.user.updateMany({
      where: { id: user.id, quotaRemaining: { gte: cost } },
      data: { quotaRemaining: { decrement: cost } },
    });
    if (count !== 1) throw new Error("QUOTA_INSUFFICIENT");
    return tx.task.create({
      data: { userId: user.id, quotaCost: cost, status: "PENDING", eligibleForRefund: true },
    });
  });
}
