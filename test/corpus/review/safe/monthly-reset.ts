// expect: none
import { prisma } from "./prisma";
export async function resetMonthlyQuota() {
  await prisma.user.updateMany({ where: { plan: "pro" }, data: { quotaRemaining: 100, quotaUsed: 0 } });
}
