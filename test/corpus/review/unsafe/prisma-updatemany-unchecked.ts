// expect: BG005
import { prisma } from "./prisma";
export async function spend(userId: string) {
  await prisma.user.updateMany({ where: { id: userId, credits: { gte: 1 } }, data: { credits: { decrement: 1 } } });
  await prisma.message.create({ data: { userId } });
}
