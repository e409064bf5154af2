// expect: BG001
import { prisma } from "./prisma";
export async function spend(userId: string) {
  const user = await prisma.user.update({ where: { id: userId }, data: { credits: { decrement: 1 } } });
  if (user.credits < 0) throw new Error("no credits");
}
