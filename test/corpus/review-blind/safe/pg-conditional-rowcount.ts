// expect: none
// item: 1
import { Pool } from "pg";

const pool = new Pool();

export async function deductCredits(userId: string, amount: number): Promise<boolean> {
  const { rowCount } = await pool.query(
    "UPDATE profiles SET credits = credits - $1 WHERE id = $2 AND credits >= $1",
    [amount, userId],
  );
  return rowCount === 1;
}
