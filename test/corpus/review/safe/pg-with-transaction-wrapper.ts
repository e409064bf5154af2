// expect: none
import { pool } from "./db";
async function withTransaction(work) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}
export async function spend(userId: string, cost: number) {
  return withTransaction(async (client) => {
    const { rows } = await client.query("SELECT balance FROM accounts WHERE user_id = $1 FOR UPDATE", [userId]);
    const balance = Number(rows[0].balance);
    if (balance < cost) throw new Error("insufficient");
    await client.query("UPDATE accounts SET balance = $1 WHERE user_id = $2", [balance - cost, userId]);
  });
}
