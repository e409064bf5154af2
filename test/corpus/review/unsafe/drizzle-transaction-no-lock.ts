// expect: BG002
import { eq, sql } from "drizzle-orm";
import { db } from "./db";
import { users } from "./schema";
export async function spend(id: string, cost: number) {
  await db.transaction(async (tx) => {
    const [user] = await tx.select().from(users).where(eq(users.id, id));
    if (user.credits < cost) throw new Error("no credits");
    await tx.update(users).set({ credits: sql`${users.credits} - ${cost}` }).where(eq(users.id, id));
  });
}
