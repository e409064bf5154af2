// expect: FAIL
// item: 1
import type Redlock from "redlock";
import { prisma } from "./client";

// The lock lapses after five seconds, whatever the database is doing.
export async function consume(redlock: Redlock, userId: string, cost: number) {
  const lock = await redlock.acquire([`quota:${userId}`], 5_000);
  try {
    const user = await prisma.user.findUniqueOrThrow({ where: { id: userId } });
    if (user.quotaRemaining < cost) throw new Error("quota exhausted");
    await prisma.user.update({ where: { id: userId }, data: { quotaRemaining: user.quotaRemaining - cost } });
  } finally {
    await lock.release();
  }
}
