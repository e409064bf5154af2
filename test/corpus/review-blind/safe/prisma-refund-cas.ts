// expect: none
// item: 2
import { prisma } from "../db";

export async function handleWebhookFailure(jobId: string) {
  await prisma.$transaction(async (tx) => {
    const claimed = await tx.job.updateMany({
      where: { id: jobId, status: { in: ["QUEUED", "RUNNING"] } },
      data: { status: "REFUNDED" },
    });
    if (claimed.count === 0) return;
    const job = await tx.job.findUniqueOrThrow({ where: { id: jobId } });
    await tx.user.update({
      where: { id: job.userId },
      data: { credits: { increment: job.creditsUsed } },
    });
  });
}
