// expect: FAIL
// item: 1
import { eq } from "drizzle-orm";
import { db } from "@/db";
import { users } from "@/db/schema";

export async function deductCredits(userId: string, amount: number) {
  const [user] = await db.select().from(users).where(eq(users.id, userId));
  if (!user) throw new Error("User not found");
  if (user.credits < amount) throw new Error("Insufficient credits");

  await db
    .update(users)
    .set({ credits: user.credits - amount })
    .where(eq(users.id, userId));
}
