// expect: none
import { pool } from "./db";
export async function refundCredits(userId: string, amount: number, refundId: string) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const inserted = await client.query(
      "INSERT INTO refunds (refund_id, user_id, amount) VALUES ($1, $2, $3) ON CONFLICT (refund_id) DO NOTHING RETURNING refund_id",
      [refundId, userId, amount]);
    if (inserted.rowCount === 0) {
      await client.query("ROLLBACK");
      return false;
    }
    await client.query("UPDATE users SET credits = credits + $1 WHERE id = $2", [amount, userId]);
    await client.query("COMMIT");
    return true;
  } finally {
    client.release();
  }
}
