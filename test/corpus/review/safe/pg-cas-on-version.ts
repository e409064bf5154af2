// expect: BG018
import { pool } from "./db";
export async function spend(id: string, cost: number) {
  for (let attempt = 0; attempt < 3; attempt++) {
    const { rows: [account] } = await pool.query("SELECT balance, version FROM accounts WHERE id = $1", [id]);
    if (account.balance < cost) throw new Error("insufficient");
    const done = await pool.query(
      "UPDATE accounts SET balance = $1, version = version + 1 WHERE id = $2 AND version = $3",
      [account.balance - cost, id, account.version]);
    if (done.rowCount === 1) return;
  }
  throw new Error("conflict");
}
