// expect: none
import { pool } from "./db";
export async function refundOrder(orderId: string) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const claimed = await client.query(
      "UPDATE generations SET refunded = TRUE WHERE id = $1 AND refunded = FALSE RETURNING user_id, credits_spent", [orderId]);
    if (claimed.rows.length > 0) {
      const { user_id, credits_spent } = claimed.rows[0];
      await client.query("UPDATE users SET credits = credits + $1 WHERE id = $2", [credits_spent, user_id]);
    }
    await client.query("COMMIT");
  } catch (e) {
    await client.query("ROLLBACK");
    throw e;
  } finally {
    client.release();
  }
}
