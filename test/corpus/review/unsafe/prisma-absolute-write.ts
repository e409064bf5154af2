// expect: BG001
import { PrismaClient } from "@prisma/client";
const prisma = new PrismaClient();
export const deductCredits = async (userId: string, cost: number) => {
  const account = await prisma.account.findFirst({ where: { userId } });
  if (account!.balance < cost) throw new Error("Insufficient balance");
  return prisma.account.update({ where: { id: account!.id }, data: { balance: account!.balance - cost } });
};
