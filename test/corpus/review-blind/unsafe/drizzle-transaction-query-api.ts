// expect: FAIL
// item: 1
import { eq, sql } from "drizzle-orm";
import { db } from "../db";
import { quotaLogs, users } from "../db/schema";

export const quotaRouter = {
  async consume(userId: number, cost: number) {
    return db.transaction(async (tx) => {
      const user = await tx.query.users.findFirst({ where: eq(users.id, userId) });
      if (!user || user.quotaRemaining < cost) {
        tx.rollback();
        return;
      }
      await tx
        .update(users)
        .set({ quotaRemaining: sql`${users.quotaRemaining} - ${cost}` })
        .where(eq(users.id, userId));
      await tx.insert(quotaLogs).values({ userId, type: "consume", amount: cost });
    });
  },
};
