// expect: none
// item: 1
import { and, eq, gte, sql } from "drizzle-orm";
import { db } from "./client";
import { wallets } from "./schema";

export async function spend(userId: string, coins: number) {
  const updated = await db
    .update(wallets)
    .set({ coins: sql`${wallets.coins} - ${coins}` })
    .where(and(eq(wallets.userId, userId), gte(wallets.coins, coins)))
    .returning({ coins: wallets.coins });
  if (updated.length === 0) throw new Error("not enough coins");
  return updated[0].coins;
}
