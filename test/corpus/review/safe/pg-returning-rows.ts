// expect: BG018
import { pool } from "./db";
export async function consume(userId: string) {
  const { rows } = await pool.query(
    `UPDATE users SET credits = credits - 1 WHERE id = $1 AND credits > 0 RETURNING credits`, [userId]);
  if (rows.length === 0) return { ok: false, reason: "NO_CREDITS" };
  return { ok: true, left: rows[0].credits };
}
