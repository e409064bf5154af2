// expect: none
// item: 1
import { eq } from "drizzle-orm";
import { db } from "@/db";
import { users } from "@/db/schema";

export async function deductCredits(userId: string, amount: number) {
  await db.transaction(async (tx) => {
    const [user] = await tx.select().from(users).where(eq(users.id, userId)).for("update");
    if (!user) throw new Error("User not found");
    if (user.credits < amount) throw new Error("Insufficient credits");
    await tx
      .update(users)
      .set({ credits: user.credits - amount })
      .where(eq(users.id, userId));
  });
}
