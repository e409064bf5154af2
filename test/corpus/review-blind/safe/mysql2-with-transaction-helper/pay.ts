// expect: none
// item: 1
import type { Pool, RowDataPacket } from "mysql2/promise";
import { LOCK_WALLET, SET_BALANCE } from "./queries";
import { withTransaction } from "./with-transaction";

export function pay(pool: Pool, userId: string, cents: number) {
  return withTransaction(pool, async (connection) => {
    const [[wallet]] = await connection.query<RowDataPacket[]>(LOCK_WALLET, [userId]);
    if (!wallet || wallet.balance < cents) throw new Error("balance too low");
    await connection.query(SET_BALANCE, [wallet.balance - cents, userId]);
  });
}
