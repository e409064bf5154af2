// expect: none
import { promises as fs } from "node:fs";
export async function ensureQuota(dir: string, limit: number) {
  const used = (await fs.stat(dir)).size;
  if (used > limit) throw new Error("disk quota exceeded");
  await fs.writeFile(`${dir}/.quota`, String(limit - used));
}
