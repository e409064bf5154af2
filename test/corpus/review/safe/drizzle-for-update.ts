// expect: none
import { eq, sql } from "drizzle-orm";
import { pgTable, text, integer } from "drizzle-orm/pg-core";
import { db } from "./db";
const users = pgTable("users", { id: text("id"), credits: integer("credits") });
export async function spend(id: string, cost: number) {
  await db.transaction(async (tx) => {
    const [user] = await tx.select().from(users).where(eq(users.id, id)).for("update");
    if (!user || user.credits < cost) throw new Error("no credits");
    await tx.update(users).set({ credits: sql`${users.credits} - ${cost}` }).where(eq(users.id, id));
  });
}
