/**
 * Brings the database to the schema of this program; with `--seed` also writes what is missing of
 * the starting catalogue. Safe to run on several servers at once, and again after it was killed.
 * DATABASE_URL says where: mysql://user:password@host:port/schema
 */
import { migrate } from "../src/store/migrate.ts";
import { closeOrm, openOrm } from "../src/store/orm.ts";
import { seedCatalog } from "../src/store/seed.ts";

async function main(url: string, words: readonly string[]): Promise<void> {
  const applied = await migrate({ url });
  for (const name of applied) console.log(`applied ${name}`);
  if (applied.length === 0) console.log("nothing to apply");
  if (!words.includes("--seed")) return;
  const orm = await openOrm({ url, poolMax: 1 });
  try {
    await seedCatalog(orm, Date.now());
    console.log("the starting catalogue is there");
  } finally {
    await closeOrm(orm);
  }
}

const words = process.argv.slice(2);
const url = process.env["DATABASE_URL"] ?? "";
if (url === "" || words.some((word) => word !== "--seed")) {
  console.error("usage: DATABASE_URL=mysql://user:password@host:port/schema migrate [--seed]");
  process.exitCode = 2;
} else {
  try {
    await main(url, words);
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
}
