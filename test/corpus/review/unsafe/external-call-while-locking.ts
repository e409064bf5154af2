// expect: BG015
import { db } from "./db";
import axios from "axios";
export async function run(userId: string) {
  await db.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).forUpdate().first();
    if (user.quota_remaining < 1) throw new Error("NO_QUOTA");
    await axios.post("https://example.com/render", { userId });
    await trx("users").where({ id: userId }).decrement("quota_remaining", 1);
  });
}
