// expect: BG018
import sql from "./db";
export async function spend(id: string, cost: number) {
  const [row] = await sql`update users set credits = credits - ${cost} where id = ${id} and credits >= ${cost} returning credits`;
  if (!row) return { success: false };
  return { success: true, left: row.credits };
}
