// expect: BG001
import { db } from "./db";
export async function burn(accountId: string, units: number) {
  await db("accounts").where({ id: accountId }).update({ credits: db.raw("?? - ?", ["credits", units]) });
}
