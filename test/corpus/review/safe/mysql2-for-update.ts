// expect: none
import { pool } from "./db";
export async function spend(id: number, n: number) {
  const conn = await pool.getConnection();
  try {
    await conn.beginTransaction();
    const [[user]] = await conn.execute("SELECT quota_remaining FROM users WHERE id = ? FOR UPDATE", [id]);
    if (!user || user.quota_remaining < n) throw new Error("no quota");
    await conn.execute("UPDATE users SET quota_remaining = quota_remaining - ? WHERE id = ?", [n, id]);
    await conn.commit();
  } catch (e) {
    await conn.rollback();
    throw e;
  } finally {
    conn.release();
  }
}
