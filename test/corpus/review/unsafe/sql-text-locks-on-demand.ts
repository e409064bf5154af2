// expect: BG003
import { pool } from "./pool";
export async function spend(id: string, units: number, careful: boolean) {
  const client = await pool.connect();
  await client.query("BEGIN");
  const text = careful ? "SELECT credits FROM users WHERE id = $1 FOR UPDATE" : "SELECT credits FROM users WHERE id = $1";
  const { rows } = await client.query(text, [id]);
  if (rows[0].credits < units) throw new Error("not enough");
  await client.query("UPDATE users SET credits = credits - $2 WHERE id = $1", [id, units]);
  await client.query("COMMIT");
}
