// expect: none
import { eq } from "drizzle-orm";
import { db, type Tx } from "./db";
import { wallets, ledger } from "./schema";
async function lockWallet(tx: Tx, userId: string) {
  const rows = await tx.select({ id: wallets.id, balance: wallets.balance }).from(wallets).where(eq(wallets.userId, userId)).for("update").limit(1);
  if (!rows[0]) throw new Error("no wallet");
  return rows[0];
}
export async function debit(userId: string, amount: number) {
  return db.transaction(async (tx) => {
    const wallet = await lockWallet(tx, userId);
    const next = wallet.balance - amount;
    if (next < 0) throw new Error("insufficient");
    await tx.update(wallets).set({ balance: next, updatedAt: new Date() }).where(eq(wallets.id, wallet.id));
    await tx.insert(ledger).values({ walletId: wallet.id, amount: -amount });
    return next;
  });
}
