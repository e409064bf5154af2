// expect: BG001
import { db } from "./db";
export async function rename(id: string, name: string) {
  const post = await db("posts").where({ id }).first();
  if (!post) throw new Error("none");
  await db("posts").where({ id }).update({ name, views: post.views + 1 });
  await db("posts").where({ id }).increment("likes", 1);
  await db("stock").where({ id }).decrement("count", 1);
}
