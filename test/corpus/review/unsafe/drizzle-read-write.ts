// expect: BG001
import { eq } from "drizzle-orm";
import { db } from "./db";
import { users } from "./schema";
export async function spend(id: string, cost: number) {
  const user = await db.query.users.findFirst({ where: eq(users.id, id) });
  if (!user || user.credits < cost) throw new Error("no credits");
  await db.update(users).set({ credits: user.credits - cost }).where(eq(users.id, id));
}
