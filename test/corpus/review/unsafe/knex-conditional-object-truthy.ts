// expect: BG005
import { db } from "./db";
export async function consume(client, userId: string) {
  const result = await client.query("UPDATE users SET credits = credits - 1 WHERE id = $1 AND credits > 0", [userId]);
  if (!result) throw new Error("no credits");
  return startGeneration(userId);
}
