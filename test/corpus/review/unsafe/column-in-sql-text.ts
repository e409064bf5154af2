// expect: BG092
import { connection } from "./connection";
export async function lowerQuota(accountId: string, column: string, units: number) {
  await connection.query(`UPDATE accounts SET ${column} = ${column} - ? WHERE id = ?`, [units, accountId]);
}
export async function lowerCredits(accountId: string, column: string) {
  await connection.query("UPDATE accounts SET ?? = ?? - 1 WHERE id = ?", [column, column, accountId]);
}
