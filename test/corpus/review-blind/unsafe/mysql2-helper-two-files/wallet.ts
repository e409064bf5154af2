// expect: FAIL
// item: 1
import type { Pool } from "mysql2/promise";
import { one, run, SELECT_BALANCE, UPDATE_BALANCE } from "./sql";

export async function pay(pool: Pool, userId: string, cents: number) {
  const conn = await pool.getConnection();
  await conn.beginTransaction();
  try {
    const wallet = await one(conn, SELECT_BALANCE, [userId]);
    if (!wallet || wallet.balance < cents) throw new Error("balance too low");
    await run(conn, UPDATE_BALANCE, [wallet.balance - cents, userId]);
    await conn.commit();
  } catch (error) {
    await conn.rollback();
    throw error;
  } finally {
    conn.release();
  }
}
