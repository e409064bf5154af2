// expect: BG018
import { db } from "./db";
async function tryConsume(userId: string, n: number) {
  const rows = await db("users").where("id", userId).andWhere("credits", ">=", n).update({ credits: db.raw("credits - ?", [n]) });
  return rows > 0;
}
export async function generate(userId: string) {
  if (!(await tryConsume(userId, 2))) { throw new Error("402"); }
  return { started: true };
}
