import type { Prisma } from "@prisma/client";

export function insertTask(tx: Prisma.TransactionClient, userId: string, featureId: string, cost: number) {
  return tx.task.create({
    data: { userId, featureId, quotaCost: cost, status: "PENDING", eligibleForRefund: true, refunded: false },
  });
}
