// expect: BG007
import { prisma } from "./prisma";
export async function refundGeneration(id: string) {
  const generation = await prisma.generation.findUnique({ where: { id } });
  if (generation.status === "REFUNDED") return;
  await prisma.$transaction([
    prisma.user.update({ where: { id: generation.userId }, data: { credits: { increment: generation.cost } } }),
    prisma.generation.update({ where: { id }, data: { status: "REFUNDED" } }),
  ]);
}
