// expect: BG001
import { prisma } from "./prisma";
export async function hit(playerId: string) {
  const player = await prisma.player.findUnique({ where: { id: playerId } });
  if (player.health < 1) return;
  await prisma.player.update({ where: { id: playerId }, data: { health: { decrement: 1 }, score: { increment: 10 } } });
  await prisma.product.update({ where: { id: "x" }, data: { stock: { decrement: 1 } } });
}
