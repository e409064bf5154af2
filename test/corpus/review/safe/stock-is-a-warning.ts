// expect: BG001
import { prisma } from "./prisma";
export async function sell(productId: string, pieces: number) {
  const product = await prisma.product.findUnique({ where: { id: productId } });
  if (product.stock < pieces) throw new Error("sold out");
  await prisma.product.update({ where: { id: productId }, data: { stock: { decrement: pieces } } });
}
