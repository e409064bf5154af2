// expect: none
// item: 1
import { Prisma } from "@prisma/client";
import { prisma } from "./client";

export function debit(userId: string, amount: number) {
  return prisma.$transaction(
    async (tx) => {
      const wallet = await tx.wallet.findUniqueOrThrow({ where: { userId } });
      if (wallet.balance < amount) throw new Error("insufficient balance");
      return tx.wallet.update({ where: { userId }, data: { balance: wallet.balance - amount } });
    },
    { isolationLevel: Prisma.TransactionIsolationLevel.Serializable },
  );
}
