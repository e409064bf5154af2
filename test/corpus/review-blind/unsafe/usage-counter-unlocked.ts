// expect: FAIL
// item: 1
import { prisma } from "./client";

export async function consume(orgId: string, units: number) {
  const org = await prisma.organization.findUniqueOrThrow({ where: { id: orgId } });
  if (org.quotaUsed + units > org.quotaLimit) throw new Error("quota exceeded");
  await prisma.organization.update({ where: { id: orgId }, data: { quotaUsed: { increment: units } } });
}
