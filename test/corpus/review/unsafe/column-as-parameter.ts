// expect: BG092
import { db } from "./db";
export async function take(accountId: string, column: string, units: number) {
  const quota = await db("accounts").where({ id: accountId }).first();
  if (!quota) throw new Error("no account");
  await db("accounts").where({ id: accountId }).decrement(column, units);
}
