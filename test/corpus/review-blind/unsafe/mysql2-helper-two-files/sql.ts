import type { PoolConnection, RowDataPacket } from "mysql2/promise";

export const SELECT_BALANCE = "SELECT balance FROM wallets WHERE user_id = ?";
export const UPDATE_BALANCE = "UPDATE wallets SET balance = ? WHERE user_id = ?";

export async function one<T extends RowDataPacket>(conn: PoolConnection, sql: string, args: unknown[]) {
  const [rows] = await conn.query<T[]>(sql, args);
  return rows[0];
}

export async function run(conn: PoolConnection, sql: string, args: unknown[]) {
  await conn.query(sql, args);
}
