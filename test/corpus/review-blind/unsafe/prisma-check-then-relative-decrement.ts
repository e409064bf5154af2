// expect: FAIL
// item: 1
import { prisma } from "@/lib/prisma";

export async function useCredits(workspaceId: string, amount: number) {
  const workspace = await prisma.workspace.findUniqueOrThrow({
    where: { id: workspaceId },
    select: { creditBalance: true },
  });
  if (workspace.creditBalance < amount) {
    throw new Error("Insufficient credits");
  }
  return prisma.workspace.update({
    where: { id: workspaceId },
    data: { creditBalance: { decrement: amount } },
  });
}
