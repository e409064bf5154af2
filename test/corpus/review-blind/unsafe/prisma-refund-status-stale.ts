// expect: FAIL
// item: 2
import { prisma } from "../db";

export async function handleWebhookFailure(jobId: string) {
  const job = await prisma.job.findUnique({ where: { id: jobId } });
  if (!job) return;
  if (job.status === "REFUNDED") return;

  await prisma.user.update({
    where: { id: job.userId },
    data: { credits: { increment: job.creditsUsed } },
  });
  await prisma.job.update({ where: { id: jobId }, data: { status: "REFUNDED" } });
}
