// expect: BG018
import { prisma } from "./prisma";
export async function transfer(from: string, amount: number) {
  return prisma.$transaction(async (tx) => {
    const sender = await tx.account.update({ data: { balance: { decrement: amount } }, where: { email: from } });
    if (sender.balance < 0) throw new Error(`${from} doesn't have enough to send ${amount}`);
  });
}
