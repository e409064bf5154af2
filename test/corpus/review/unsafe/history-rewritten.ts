// expect: BG013
import { db } from "./db";
export async function fixLog(id: number, amount: number) {
  await db("quota_logs").where({ id }).update({ amount });
}
