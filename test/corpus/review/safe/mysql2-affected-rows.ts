// expect: BG018
import { pool } from "./db";
export async function spend(id: number, n: number): Promise<boolean> {
  const [result] = await pool.execute("UPDATE users SET credits = credits - ? WHERE id = ? AND credits >= ?", [n, id, n]);
  return result.affectedRows === 1;
}
