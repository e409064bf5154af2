// expect: BG007
import { pool } from "./db";
export async function refundOrder(orderId: string) {
  const { rows } = await pool.query("SELECT user_id, credits_spent, refunded FROM generations WHERE id = $1", [orderId]);
  if (!rows[0] || rows[0].refunded) return;
  await pool.query("UPDATE users SET credits = credits + $1 WHERE id = $2", [rows[0].credits_spent, rows[0].user_id]);
  await pool.query("UPDATE generations SET refunded = TRUE WHERE id = $1", [orderId]);
}
