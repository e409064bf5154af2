// expect: BG003
import mysql from "mysql2/promise";
const pool = mysql.createPool({ host: "localhost" });
export async function spend(id: number) {
  await pool.query("START TRANSACTION");
  const [rows] = await pool.query("SELECT credits FROM users WHERE id = ? FOR UPDATE", [id]);
  if (rows[0].credits < 1) throw new Error("no credits");
  await pool.query("UPDATE users SET credits = credits - 1 WHERE id = ?", [id]);
  await pool.query("COMMIT");
}
