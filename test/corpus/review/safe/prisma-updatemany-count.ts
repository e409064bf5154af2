// expect: BG018
import { prisma } from "./prisma";
export async function spend(userId: string, cost: number) {
  const { count } = await prisma.user.updateMany({
    where: { id: userId, credits: { gte: cost } }, data: { credits: { decrement: cost } },
  });
  if (count === 0) throw new Error("no credits");
}
