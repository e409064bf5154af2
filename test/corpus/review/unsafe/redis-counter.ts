// expect: BG092
import { redis } from "./redis";
export async function spendCredits(userId: string, units: number) {
  const left = Number(await redis.get(`credits:${userId}`));
  if (left < units) throw new Error("not enough");
  await redis.decrby(`credits:${userId}`, units);
}
