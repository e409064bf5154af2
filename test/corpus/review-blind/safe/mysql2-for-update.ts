// expect: none
// item: 1
import type { Pool, RowDataPacket } from "mysql2/promise";

export async function consume(pool: Pool, userId: string, n: number) {
  const conn = await pool.getConnection();
  try {
    await conn.beginTransaction();
    const [rows] = await conn.execute<RowDataPacket[]>(
      "SELECT quota_remaining FROM users WHERE id = ? FOR UPDATE",
      [userId],
    );
    if (rows.length === 0 || rows[0].quota_remaining < n) throw new Error("QUOTA_EXHAUSTED");
    await conn.execute("UPDATE users SET quota_remaining = quota_remaining - ? WHERE id = ?", [n, userId]);
    await conn.execute("INSERT INTO quota_logs (user_id, type, amount) VALUES (?, 'consume', ?)", [userId, n]);
    await conn.commit();
  } catch (error) {
    await conn.rollback();
    throw error;
  } finally {
    conn.release();
  }
}
