// expect: BG001
import { prisma } from "./prisma";
export async function countUse(userId: string) {
  const known = await prisma.userApiLimit.findUnique({ where: { userId } });
  if (!known || known.count >= 5) throw new Error("the free uses are used up");
  await prisma.userApiLimit.update({ where: { userId }, data: { count: known.count + 1 } });
}
