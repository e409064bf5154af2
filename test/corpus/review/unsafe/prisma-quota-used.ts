// expect: BG001
import { prisma } from "./prisma";
export async function checkAndUse(userId: string) {
  const usage = await prisma.usage.findUnique({ where: { userId } });
  if (usage.creditsUsed >= usage.creditsLimit) throw new Error("limit reached");
  await prisma.usage.update({ where: { userId }, data: { creditsUsed: { increment: 1 } } });
}
