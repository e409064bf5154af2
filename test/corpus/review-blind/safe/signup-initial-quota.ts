// expect: none
// item: 2
import { prisma } from "./client";

const TRIAL_QUOTA = 20;

export async function register(email: string) {
  return prisma.user.create({ data: { email, membership: "TRIAL", quotaRemaining: TRIAL_QUOTA } });
}
