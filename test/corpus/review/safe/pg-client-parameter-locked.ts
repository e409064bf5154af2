// expect: none
import type { PoolClient } from "pg";
export async function debit(client: PoolClient, id: string, amount: bigint): Promise<void> {
  const res = await client.query<{ balance: string }>("SELECT balance FROM wallets WHERE id = $1 FOR UPDATE", [id]);
  if (res.rowCount === 0) throw new Error("no wallet");
  const balance = BigInt(res.rows[0]!.balance);
  if (balance < amount) throw new Error("insufficient");
  await client.query("UPDATE wallets SET balance = balance - $2 WHERE id = $1", [id, amount]);
}
