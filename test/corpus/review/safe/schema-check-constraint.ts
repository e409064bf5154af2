// expect: BG018
// file: schema.sql
CREATE TABLE users (id uuid PRIMARY KEY, credits int NOT NULL DEFAULT 0 CHECK (credits >= 0));
// file: spend.ts
import { pool } from "./db";
export async function spend(userId: string) {
  await pool.query("UPDATE users SET credits = credits - 1 WHERE id = $1", [userId]);
}
