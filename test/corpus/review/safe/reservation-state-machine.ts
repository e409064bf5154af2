// expect: none
import { pool } from "./db";
export async function releaseReservation(id: string) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const { rows } = await client.query("SELECT user_id, amount, status FROM reservations WHERE id = $1 FOR UPDATE", [id]);
    const reservation = rows[0];
    if (!reservation || reservation.status !== "held") {
      await client.query("ROLLBACK");
      return false;
    }
    await client.query("UPDATE reservations SET status = 'released' WHERE id = $1", [id]);
    await client.query("UPDATE users SET credits = credits + $1 WHERE id = $2", [reservation.amount, reservation.user_id]);
    await client.query("COMMIT");
    return true;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}
