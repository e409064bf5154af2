// expect: BG005
import { prisma } from "./prisma";
export async function spend(id: string) {
  const result = await prisma.user.updateMany({ where: { id, credits: { gte: 1 } }, data: { credits: { decrement: 1 } } });
  if (result.count === 0) console.warn("nobody was charged");
  await prisma.render.create({ data: { id } });
}
