/**
 * Seals sensitive columns anew with the active key of SEALING_KEYS_FILE: docs/keys.md. It runs beside serving
 * servers, and can be stopped and started again. `--count` only tells which key still seals how much.
 * DATABASE_URL says where: mysql://user:password@host:port/schema; DATABASE_TLS as for the server.
 */
import { readFileSync } from "node:fs";
import { databaseIn, type DatabaseAccess } from "../src/config/database.ts";
import { readSealing } from "../src/config/sealing.ts";
import { closeOrm, openOrm } from "../src/store/orm.ts";
import { countKeys, rotateKeys } from "../src/store/rotate-keys.ts";
import { createSealer, type SealingKeys } from "../src/store/sealing.ts";

async function main(
  database: DatabaseAccess,
  keys: SealingKeys,
  onlyCount: boolean,
): Promise<void> {
  // Nobody waits for this, and counting reads whole tables.
  const orm = await openOrm({ ...database, poolMax: 2, statementTimeoutMs: Infinity });
  try {
    if (!onlyCount) {
      await rotateKeys(orm, createSealer(keys), keys.activeKeyId, ({ column, opened, renewed }) =>
        console.log(`${column.table}.${column.column}: ${opened} opened, ${renewed} sealed anew`),
      );
    }
    const counts = await countKeys(orm);
    for (const id of new Set([...keys.keys.map((key) => key.id), ...counts.keys()])) {
      const count = counts.get(id) ?? 0;
      console.log(`key ${id}: ${count} values, ${standingOf(id, count, keys)}`);
    }
  } finally {
    await closeOrm(orm);
  }
}

function standingOf(id: string, count: number, { keys, activeKeyId }: SealingKeys): string {
  if (id === activeKeyId) return "active";
  if (!keys.some((key) => key.id === id)) return "not in the file: nobody can open them";
  return count === 0 ? "can be removed" : "in use";
}

const words = process.argv.slice(2);
const file = process.env["SEALING_KEYS_FILE"] ?? "";
try {
  const database = databaseIn(process.env);
  if (database === undefined || file === "" || words.some((word) => word !== "--count")) {
    console.error("usage: DATABASE_URL=mysql://… SEALING_KEYS_FILE=keys.json rotate-keys [--count]");
    process.exitCode = 2;
  } else {
    const faults: string[] = [];
    const keys = readSealing(readFileSync(file), (variable, rule) =>
      faults.push(`${variable} ${rule}`),
    );
    if (keys === undefined) throw new Error(faults.join("\n"));
    await main(database, keys, words.includes("--count"));
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
