// expect: none
// item: 1
import { prisma } from "./client";

// Counts up what was used, against a limit: the same race in the other direction.
export async function consume(orgId: string, units: number) {
  await prisma.$transaction(async (tx) => {
    const [org] = await tx.$queryRaw<{ used: number; limit: number }[]>`
      SELECT quota_used AS used, quota_limit AS "limit" FROM organizations WHERE id = ${orgId} FOR UPDATE`;
    if (org.used + units > org.limit) throw new Error("quota exceeded");
    await tx.organization.update({ where: { id: orgId }, data: { quotaUsed: { increment: units } } });
  });
}
