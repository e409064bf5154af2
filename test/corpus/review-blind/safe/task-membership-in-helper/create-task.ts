// expect: none
// item: 7
import type { PrismaClient } from "@prisma/client";
import { assertMember } from "./membership";

export class CreateTask {
  constructor(private readonly prisma: PrismaClient) {}

  async run(userId: string, featureId: string, cost: number) {
    return this.prisma.$transaction(async (tx) => {
      const user = await tx.user.findUniqueOrThrow({ where: { id: userId } });
      assertMember(user);
      const { count } = await tx.user.updateMany({
        where: { id: userId, quotaRemaining: { gte: cost } },
        data: { quotaRemaining: { decrement: cost } },
      });
      if (count !== 1) throw new Error("QUOTA_INSUFFICIENT");
      return tx.task.create({
        data: { userId, featureId, quotaCost: cost, status: "PENDING", eligibleForRefund: true },
      });
    });
  }
}
