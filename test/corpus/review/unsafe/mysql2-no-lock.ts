// expect: BG002
import { pool } from "./db";
export async function spend(id: number, n: number) {
  const conn = await pool.getConnection();
  try {
    await conn.beginTransaction();
    const [[user]] = await conn.execute("SELECT quota_remaining FROM users WHERE id = ?", [id]);
    if (user.quota_remaining < n) throw new Error("no quota");
    await conn.execute("UPDATE users SET quota_remaining = ? WHERE id = ?", [user.quota_remaining - n, id]);
    await conn.commit();
  } catch (e) {
    await conn.rollback();
    throw e;
  } finally {
    conn.release();
  }
}
