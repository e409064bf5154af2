// expect: BG001
import { redlock } from "./redis";
import { prisma } from "./prisma";
export async function spend(userId: string, cost: number) {
  const lock = await redlock.acquire([`credits:${userId}`], 5000);
  try {
    const user = await prisma.user.findUnique({ where: { id: userId } });
    if (user.credits < cost) throw new Error("no credits");
    await prisma.user.update({ where: { id: userId }, data: { credits: user.credits - cost } });
  } finally {
    await lock.release();
  }
}
