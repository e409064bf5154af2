// expect: none
// item: 1
import { prisma } from "@/lib/prisma";

export class InsufficientCredits extends Error {}

export async function useCredits(workspaceId: string, amount: number) {
  const { count } = await prisma.workspace.updateMany({
    where: { id: workspaceId, creditBalance: { gte: amount } },
    data: { creditBalance: { decrement: amount } },
  });
  if (count === 0) throw new InsufficientCredits();
}
