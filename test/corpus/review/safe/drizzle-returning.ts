// expect: BG018
import { and, eq, gte, sql } from "drizzle-orm";
import { db } from "./db";
import { users } from "./schema";
export async function spend(id: string, cost: number) {
  const rows = await db.update(users).set({ credits: sql`${users.credits} - ${cost}` })
    .where(and(eq(users.id, id), gte(users.credits, cost))).returning({ credits: users.credits });
  if (rows.length === 0) throw new Error("no credits");
  return rows[0].credits;
}
