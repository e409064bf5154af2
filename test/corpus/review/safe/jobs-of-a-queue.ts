// expect: none
import { db } from "./db";
// The quota of the disk is checked elsewhere.
export async function enqueue(kind: string, payload: object) {
  const [job] = await db("jobs").insert({ kind, payload: JSON.stringify(payload), status: "queued" }).returning("*");
  return job;
}
export async function addTodo(userId: string, title: string) {
  return db("tasks").insert({ user_id: userId, title, done: false });
}
