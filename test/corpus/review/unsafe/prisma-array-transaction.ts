// expect: BG002
import { prisma } from "./prisma";
export async function spend(userId: string, cost: number) {
  const user = await prisma.user.findUnique({ where: { id: userId } });
  if (user.credits < cost) throw new Error("no credits");
  await prisma.$transaction([
    prisma.user.update({ where: { id: userId }, data: { credits: { decrement: cost } } }),
    prisma.creditTransaction.create({ data: { userId, amount: -cost, type: "USAGE" } }),
  ]);
}
