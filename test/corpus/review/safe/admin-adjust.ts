// expect: none
import { prisma } from "./prisma";
export async function adminSetCredits(adminId: string, userId: string, credits: number) {
  const admin = await prisma.user.findUnique({ where: { id: adminId } });
  if (admin?.role !== "ADMIN") throw new Error("forbidden");
  await prisma.user.update({ where: { id: userId }, data: { credits } });
}
