// expect: BG001
// file: a.ts
import { check } from "./b";
export const price = 2;
export async function spend(db, id: string) {
  const user = await check(db, id);
  await db("users").where({ id }).update({ credits: user.credits - price });
}
// file: b.ts
import { price } from "./a";
export async function check(db, id: string) {
  const user = await db("users").where({ id }).first();
  if (user.credits < price) throw new Error("no credits");
  return user;
}
