// expect: BG007
import { pool } from "./db";
export async function refundCredits(userId: string, amount: number, reason: string) {
  await pool.query("UPDATE users SET credits = credits + $1 WHERE id = $2", [amount, userId]);
  await pool.query("INSERT INTO credit_logs (user_id, amount, reason) VALUES ($1, $2, $3)", [userId, amount, reason]);
}
