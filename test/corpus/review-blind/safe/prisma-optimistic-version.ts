// expect: none
// item: 1
import { prisma } from "./client";

const ATTEMPTS = 5;

export async function spend(accountId: string, amount: number) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const account = await prisma.account.findUniqueOrThrow({ where: { id: accountId } });
    if (account.credits < amount) throw new Error("insufficient credits");
    const { count } = await prisma.account.updateMany({
      where: { id: accountId, version: account.version },
      data: { credits: account.credits - amount, version: { increment: 1 } },
    });
    if (count === 1) return;
  }
  throw new Error("too much contention");
}
