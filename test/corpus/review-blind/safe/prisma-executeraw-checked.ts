// expect: none
// item: 1
import { prisma } from "./client";

export async function takeTokens(userId: string, tokens: number): Promise<boolean> {
  const affected = await prisma.$executeRaw`
    UPDATE "User" SET tokens = tokens - ${tokens}
    WHERE id = ${userId} AND tokens >= ${tokens}`;
  return affected === 1;
}
