// expect: BG011
import { db } from "./db";
import { deductQuota } from "quota-service";
export async function createTask(userId: string, featureId: string, taskId: string) {
  const user = await db("users").where({ id: userId }).first();
  if (!user.is_member) throw new Error("MEMBERSHIP_REQUIRED");
  await deductQuota(userId, featureId, taskId);
  await db("tasks").insert({ id: taskId, user_id: userId, feature_id: featureId, status: "pending" });
}
