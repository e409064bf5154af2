// expect: none
// item: 1
import type { Pool, ResultSetHeader } from "mysql2/promise";

export async function takeQuota(pool: Pool, userId: string, cost: number): Promise<boolean> {
  const [result] = await pool.execute<ResultSetHeader>(
    `UPDATE users
        SET quota_remaining = quota_remaining - ?
      WHERE id = ? AND quota_remaining >= ?`,
    [cost, userId, cost],
  );
  return result.affectedRows === 1;
}
