// expect: BG018
import { sql } from "./db";
export async function spend(userId: string, cost: number) {
  await sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(hashtext(${userId}))`;
    const [user] = await tx`SELECT credits FROM users WHERE id = ${userId}`;
    if (user.credits < cost) throw new Error("no credits");
    await tx`UPDATE users SET credits = credits - ${cost} WHERE id = ${userId}`;
  });
}
