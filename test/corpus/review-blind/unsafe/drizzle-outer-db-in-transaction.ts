// expect: FAIL
// item: 1
import { eq } from "drizzle-orm";
import { db } from "./client";
import { wallets, walletEvents } from "./schema";

export async function spend(userId: string, coins: number) {
  await db.transaction(async (tx) => {
    const [wallet] = await db.select().from(wallets).where(eq(wallets.userId, userId)).for("update");
    if (wallet.coins < coins) throw new Error("not enough coins");
    await db.update(wallets).set({ coins: wallet.coins - coins }).where(eq(wallets.userId, userId));
    await tx.insert(walletEvents).values({ userId, delta: -coins });
  });
}
