// expect: BG008
import { refundService } from "@acme/refunds";
import { pool } from "./db";
export async function refundIfUnhappy(taskId: string, satisfaction: number) {
  const client = await pool.connect();
  await client.query("BEGIN");
  const { rows } = await client.query("SELECT user_id, refunded FROM tasks WHERE id = $1 FOR UPDATE", [taskId]);
  if (!rows[0].refunded && satisfaction < 3) {
    await client.query("UPDATE tasks SET refunded = true WHERE id = $1", [taskId]);
    await client.query("UPDATE users SET quota_remaining = quota_remaining + 1 WHERE id = $1", [rows[0].user_id]);
  }
  await client.query("COMMIT");
}
