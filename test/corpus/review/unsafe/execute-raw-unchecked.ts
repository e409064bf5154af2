// expect: BG005
import { prisma } from "./prisma";
export async function spend(id: string, cost: number) {
  await prisma.$executeRaw`UPDATE "User" SET credits = credits - ${cost} WHERE id = ${id} AND credits >= ${cost}`;
  await prisma.log.create({ data: { id } });
}
