// expect: none
import { prisma } from "./prisma";
export async function complete(id: string) {
  await prisma.creditTransaction.update({ where: { id }, data: { status: "COMPLETED", completedAt: new Date() } });
}
