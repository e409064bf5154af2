// expect: none
// item: 1
import { and, eq, gte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/mysql2";
import { users } from "./schema";

const db = drizzle(process.env.DATABASE_URL ?? "");

export async function consume(userId: number, cost: number) {
  const [header] = await db
    .update(users)
    .set({ quotaRemaining: sql`${users.quotaRemaining} - ${cost}` })
    .where(and(eq(users.id, userId), gte(users.quotaRemaining, cost)));
  if (header.affectedRows === 0) throw new Error("QUOTA_INSUFFICIENT");
}
