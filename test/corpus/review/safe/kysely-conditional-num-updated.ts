// expect: BG018
import { db } from "./db";
export async function spend(id: string, cost: number) {
  const result = await db.updateTable("users").set((eb) => ({ credits: eb("credits", "-", cost) }))
    .where("id", "=", id).where("credits", ">=", cost).executeTakeFirst();
  if (Number(result.numUpdatedRows) === 0) throw new Error("no credits");
}
