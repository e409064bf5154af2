// expect: BG002
import { db } from "./db";
import { accounts } from "./schema";
export async function book(lines: { accountId: string; side: "debit" | "credit"; units: number }[]) {
  await db.transaction(async (tx) => {
    for (const line of lines) {
      const change = line.side === "credit" ? line.units : -line.units;
      await tx.update(accounts).set({ balance: sql`${accounts.balance} + ${change}` }).where(eq(accounts.id, line.accountId));
    }
  });
}
