// expect: none
// item: 2
import { Pool } from "pg";

const pool = new Pool();

// One statement: the claim of the generation and the refund can't come apart, and it is claimed once.
export async function refundCredits(generationId: string): Promise<boolean> {
  const result = await pool.query(
    `WITH claimed AS (
       UPDATE generations SET refunded = true
        WHERE id = $1 AND refunded = false
        RETURNING user_id, cost
     )
     UPDATE users SET credits = users.credits + claimed.cost
       FROM claimed WHERE users.id = claimed.user_id`,
    [generationId],
  );
  return result.rowCount === 1;
}
