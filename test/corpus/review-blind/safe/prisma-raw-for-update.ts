// expect: none
// item: 1
import { Prisma, PrismaClient } from "@prisma/client";

const prisma = new PrismaClient();

async function lockUser(tx: Prisma.TransactionClient, id: string) {
  const [row] = await tx.$queryRaw<{ credits: number }[]>(
    Prisma.sql`SELECT credits FROM users WHERE id = ${id} FOR UPDATE`,
  );
  if (!row) throw new Error("user not found");
  return row;
}

export async function deductCredits(userId: string, amount: number) {
  return prisma.$transaction(async (tx) => {
    const { credits } = await lockUser(tx, userId);
    if (credits < amount) throw new Error("insufficient credits");
    return tx.user.update({ where: { id: userId }, data: { credits: credits - amount } });
  });
}
