// expect: FAIL
// item: 2
import { eq, sql } from "drizzle-orm";
import { db } from "./client";
import { jobs, users } from "./schema";

export async function failJob(jobId: string, error: string) {
  const [job] = await db
    .update(jobs)
    .set({ status: "failed", error })
    .where(eq(jobs.id, jobId))
    .returning();
  await db
    .update(users)
    .set({ credits: sql`${users.credits} + ${job.cost}` })
    .where(eq(users.id, job.userId));
}
