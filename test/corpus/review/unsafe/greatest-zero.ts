// expect: BG001
import { pool } from "./db";
export const chargeCredits = async (userId: string, n: number) => {
  await pool.query("UPDATE users SET credits = GREATEST(0, credits - $1) WHERE id = $2", [n, userId]);
};
