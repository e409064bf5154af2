// expect: BG001
import { client } from "./db";
const TABLE = "users";
export async function consume(userId: string, n: number) {
  let sql = "UPDATE " + TABLE + " SET credits = credits - $1";
  sql += " WHERE id = $2";
  await client.query(sql, [n, userId]);
}
