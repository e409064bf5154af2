// expect: BG018
import { pool, sql } from "./db";
export async function spend(id: string, cost: number) {
  const row = await pool.maybeOne(sql`UPDATE users SET credits = credits - ${cost} WHERE id = ${id} AND credits >= ${cost} RETURNING credits`);
  if (!row) throw new Error("no credits");
}
