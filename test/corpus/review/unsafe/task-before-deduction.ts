// expect: BG010
import { db } from "./db";
import { deductQuota } from "quota-service";
export async function createTask(userId: string, featureId: string) {
  const user = await db("users").where({ id: userId }).first();
  if (!user.is_member) throw new Error("MEMBERSHIP_REQUIRED");
  const [id] = await db("tasks").insert({ user_id: userId, feature_id: featureId, eligible_for_refund: true });
  await deductQuota(userId, featureId, id);
  return id;
}
