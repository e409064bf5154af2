// expect: BG018
import { db } from "./db";
export async function consume(userId: string) {
  const changed = await db("users").where({ id: userId }).where("credits", ">=", 1).decrement("credits", 1);
  if (changed === 0) throw new Error("no credits");
}
