// expect: FAIL
// item: 1
import type { Kysely } from "kysely";
import type { Database } from "./schema";

export function deduct(db: Kysely<Database>, userId: string, cost: number) {
  return db.transaction().execute(async (trx) => {
    const user = await trx
      .selectFrom("users")
      .select("quota_remaining")
      .where("id", "=", userId)
      .executeTakeFirstOrThrow();
    if (user.quota_remaining < cost) throw new Error("quota exhausted");
    await trx
      .updateTable("users")
      .set({ quota_remaining: user.quota_remaining - cost })
      .where("id", "=", userId)
      .execute();
  });
}
