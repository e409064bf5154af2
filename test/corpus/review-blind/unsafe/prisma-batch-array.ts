// expect: FAIL
// item: 1
import { prisma } from "./client";

export async function createGeneration(userId: string, cost: number) {
  const user = await prisma.user.findUnique({ where: { id: userId } });
  if (!user || user.tokens < cost) throw new Error("Not enough tokens");

  // The array form makes the writes atomic, but the check above happened before.
  const [, generation] = await prisma.$transaction([
    prisma.user.update({ where: { id: userId }, data: { tokens: user.tokens - cost } }),
    prisma.generation.create({ data: { userId, cost, eligibleForRefund: true } }),
  ]);
  return generation;
}
