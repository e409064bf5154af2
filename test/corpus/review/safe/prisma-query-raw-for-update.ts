// expect: none
import { prisma } from "./prisma";
export async function spend(userId: string, cost: number) {
  return prisma.$transaction(async (tx) => {
    const rows = await tx.$queryRaw<{ credits: number }[]>`SELECT credits FROM "users" WHERE id = ${userId} FOR UPDATE`;
    const current = rows[0];
    if (!current || current.credits < cost) throw new Error("no credits");
    await tx.user.update({ where: { id: userId }, data: { credits: current.credits - cost } });
    await tx.creditLog.create({ data: { userId, delta: -cost } });
  });
}
