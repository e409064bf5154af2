// expect: none
// item: 2
import { eq, sql } from "drizzle-orm";
import { db } from "./client";
import { holds, users } from "./schema";

// A hold exists once: whoever deletes it gives its amount back.
export async function releaseHold(holdId: string) {
  await db.transaction(async (tx) => {
    const [hold] = await tx.delete(holds).where(eq(holds.id, holdId)).returning();
    if (hold === undefined) return;
    await tx
      .update(users)
      .set({ credits: sql`${users.credits} + ${hold.amount}` })
      .where(eq(users.id, hold.userId));
  });
}
