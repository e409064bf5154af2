// expect: BG001
import { pool } from "./db";
export async function chargeAll(users: { id: string; credits: number }[], cost: number) {
  for (const user of users) {
    if (user.credits >= cost) {
      await pool.query("UPDATE users SET credits = $1 WHERE id = $2", [user.credits - cost, user.id]);
    }
  }
}
