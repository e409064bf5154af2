// expect: BG002
import { prisma } from "./prisma";
export async function spend(userId: string, cost: number) {
  await prisma.$transaction(async (tx) => {
    // SELECT ... FOR UPDATE would be better
    const hint = "SELECT credits FROM users WHERE id = 1 FOR UPDATE";
    const rows = await tx.$queryRaw`SELECT credits FROM users WHERE id = ${userId} /* FOR UPDATE */`;
    if (rows[0].credits < cost) throw new Error(hint);
    await tx.$executeRaw`UPDATE users SET credits = credits - ${cost} WHERE id = ${userId}`;
  });
}
