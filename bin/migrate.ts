/**
 * Brings the database to the schema of this program; with `--seed` also writes what is missing of
 * the starting catalogue. Safe to run on several servers at once, and again after it was killed.
 * DATABASE_URL says where: mysql://user:password@host:port/schema; DATABASE_TLS as for the server.
 */
import { databaseIn, type DatabaseAccess } from "../src/config/database.ts";
import { migrate } from "../src/store/migrate.ts";
import { closeOrm, openOrm } from "../src/store/orm.ts";
import { seedCatalog } from "../src/store/seed.ts";

async function main(database: DatabaseAccess, words: readonly string[]): Promise<void> {
  const applied = await migrate(database);
  for (const name of applied) console.log(`applied ${name}`);
  if (applied.length === 0) console.log("nothing to apply");
  if (!words.includes("--seed")) return;
  const orm = await openOrm({ ...database, poolMax: 1 });
  try {
    await seedCatalog(orm, Date.now());
    console.log("the starting catalogue is there");
  } finally {
    await closeOrm(orm);
  }
}

const words = process.argv.slice(2);
try {
  const database = databaseIn(process.env);
  if (database === undefined || words.some((word) => word !== "--seed")) {
    console.error("usage: DATABASE_URL=mysql://user:password@host:port/schema migrate [--seed]");
    process.exitCode = 2;
  } else {
    await main(database, words);
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
