// expect: BG092
import { client } from "./db";
export async function consume(table: string, userId: string, n: number) {
  await client.query(`UPDATE ${table} SET credits = credits - $1 WHERE id = $2`, [n, userId]);
}
