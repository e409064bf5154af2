// expect: FAIL
// item: 1
import { prisma } from "./client";
import { queue } from "./queue";

export async function startRender(userId: string, cost: number, payload: unknown) {
  await prisma.user.updateMany({
    where: { id: userId, quotaRemaining: { gte: cost } },
    data: { quotaRemaining: { decrement: cost } },
  });
  // Nobody looks whether a row was changed: the job starts even for an empty account.
  await queue.add("render", { userId, payload });
}
