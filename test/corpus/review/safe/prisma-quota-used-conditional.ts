// expect: BG018
import { prisma } from "./prisma";
export async function checkAndUse(userId: string, limit: number) {
  const result = await prisma.usage.updateMany({
    where: { userId, creditsUsed: { lt: limit } }, data: { creditsUsed: { increment: 1 } },
  });
  return result.count === 1;
}
