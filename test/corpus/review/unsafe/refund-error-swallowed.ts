// expect: BG016
import { db } from "./db";
export async function onFailed(taskId: string) {
  try {
    await db.transaction(async (trx) => {
      const claimed = await trx("tasks").where({ id: taskId, refunded: false }).update({ refunded: true });
      if (claimed === 0) return;
      await trx("users").where({ id: "u" }).increment("quota_remaining", 1);
    });
  } catch {}
}
