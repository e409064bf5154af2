// expect: none
// item: 1
import { Pool } from "pg";

const pool = new Pool();

export async function debit(accountId: string, cents: number): Promise<void> {
  const { rows } = await pool.query("SELECT balance FROM accounts WHERE id = $1", [accountId]);
  const balance = Number(rows[0].balance);
  if (balance < cents) throw new Error("insufficient funds");
  const swapped = await pool.query("UPDATE accounts SET balance = $3 WHERE id = $1 AND balance = $2", [
    accountId,
    balance,
    balance - cents,
  ]);
  if (swapped.rowCount !== 1) throw new Error("somebody else was faster: try again");
}
