// expect: none
import { prisma } from "./prisma";
export async function onCheckoutCompleted(session) {
  await prisma.user.update({ where: { id: session.metadata.userId }, data: { credits: { increment: 100 } } });
}
