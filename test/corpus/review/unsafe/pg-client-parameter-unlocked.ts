// expect: BG002
import type { PoolClient } from "pg";
export async function debit(client: PoolClient, id: string, amount: bigint): Promise<void> {
  const res = await client.query("SELECT balance FROM wallets WHERE id = $1", [id]);
  if (BigInt(res.rows[0].balance) < amount) throw new Error("insufficient");
  await client.query("UPDATE wallets SET balance = balance - $2 WHERE id = $1", [id, amount]);
}
