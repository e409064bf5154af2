// expect: FAIL
// item: 1
import { Pool } from "pg";

const pool = new Pool();

export async function deductCredits(userId: string, amount: number): Promise<boolean> {
  const { rows } = await pool.query("SELECT credits FROM profiles WHERE id = $1", [userId]);
  if (!rows[0] || rows[0].credits < amount) return false;
  await pool.query("UPDATE profiles SET credits = $1 WHERE id = $2", [rows[0].credits - amount, userId]);
  return true;
}
