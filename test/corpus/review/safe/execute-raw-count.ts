// expect: BG018
import { prisma } from "./prisma";
export async function spend(id: string, cost: number) {
  const changed = await prisma.$executeRaw`UPDATE "User" SET credits = credits - ${cost} WHERE id = ${id} AND credits >= ${cost}`;
  if (changed === 0) throw new Error("no credits");
}
