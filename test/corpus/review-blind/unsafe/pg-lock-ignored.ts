// expect: FAIL
// item: 1
import type { PoolClient } from "pg";

// The balance is read first, then the row is locked, and the old balance is written back.
export async function debit(client: PoolClient, accountId: string, cents: number) {
  await client.query("BEGIN");
  const before = await client.query("SELECT balance FROM accounts WHERE id = $1", [accountId]);
  const balance = Number(before.rows[0].balance);
  await client.query("SELECT id FROM accounts WHERE id = $1 FOR UPDATE", [accountId]);
  if (balance < cents) {
    await client.query("ROLLBACK");
    throw new Error("insufficient funds");
  }
  await client.query("UPDATE accounts SET balance = $2 WHERE id = $1", [accountId, balance - cents]);
  await client.query("COMMIT");
}
