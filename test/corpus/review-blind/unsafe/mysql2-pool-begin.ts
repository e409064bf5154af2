// expect: FAIL
// item: 1
import mysql, { type RowDataPacket } from "mysql2/promise";

const pool = mysql.createPool({ uri: process.env.DATABASE_URL });

// Each pool.query may run on another connection: the lock and the update don't share a transaction.
export async function deductQuota(userId: number, cost: number) {
  await pool.query("START TRANSACTION");
  const [rows] = await pool.query<RowDataPacket[]>(
    "SELECT quota_remaining FROM users WHERE id = ? FOR UPDATE",
    [userId],
  );
  const remaining = rows[0].quota_remaining as number;
  if (remaining < cost) {
    await pool.query("ROLLBACK");
    throw new Error("quota exhausted");
  }
  await pool.query("UPDATE users SET quota_remaining = ? WHERE id = ?", [remaining - cost, userId]);
  await pool.query("COMMIT");
}
