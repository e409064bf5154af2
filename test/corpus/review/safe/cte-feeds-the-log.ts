// expect: BG018
import { pool } from "./pool";
export async function spend(userId: string, units: number) {
  const { rows } = await pool.query(
    `WITH changed AS (UPDATE users SET credits = credits - $2 WHERE id = $1 AND credits >= $2 RETURNING id)
     INSERT INTO credit_logs (user_id, amount) SELECT id, $2 FROM changed RETURNING user_id`,
    [userId, units],
  );
  if (rows.length === 0) throw new Error("not enough");
}
