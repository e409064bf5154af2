// expect: BG018
import { prisma } from "./prisma";
export async function spend(userId: string) {
  await prisma.user.update({ where: { id: userId, credits: { gt: 0 } }, data: { credits: { decrement: 1 } } });
}
