// expect: none
// item: 1
import { prisma } from "./client";

// Sets everybody's allowance anew at the start of a month: nothing is computed from what was read before.
export async function startMonth(planId: string, allowance: number) {
  await prisma.user.updateMany({ where: { planId }, data: { quotaRemaining: allowance } });
}
