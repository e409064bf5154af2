// expect: BG018
import Database from "better-sqlite3";
const db = new Database("app.db");
export const spend = db.transaction((id: string, cost: number) => {
  const user = db.prepare("SELECT credits FROM users WHERE id = ?").get(id);
  if (user.credits < cost) throw new Error("no credits");
  db.prepare("UPDATE users SET credits = credits - ? WHERE id = ?").run(cost, id);
});
