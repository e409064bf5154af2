// expect: BG001
import { db } from "./db";
async function lower(accountId: string, column: string, units: number) {
  await db("accounts").where({ id: accountId }).decrement(column, units);
}
export async function payForImage(accountId: string) {
  await lower(accountId, "quota_remaining", 2);
}
