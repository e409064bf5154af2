// expect: none
import { prisma } from "./prisma";
export async function onReview(userId: string, rating: number) {
  if (rating < 1) throw new Error("bad rating");
  await prisma.user.update({ where: { id: userId }, data: { points: { increment: 10 } } });
  await prisma.reward.create({ data: { userId, type: "review_reward" } });
}
