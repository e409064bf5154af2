/** What the figures depend on: the machine, the versions, the settings that make commits last. */
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { commitOfSources, diskFacts, type Database, type Place } from "./place.ts";

/** Read from the server: what was asked for and what it does may differ. */
const SETTINGS = [
  "innodb_flush_log_at_trx_commit",
  "sync_binlog",
  "log_bin",
  "binlog_format",
  "binlog_row_image",
  "innodb_doublewrite",
  "innodb_flush_method",
  "innodb_buffer_pool_size",
];

/** What stands above the table, one fact a line. */
export async function machineLines(place: Place): Promise<string[]> {
  const { fsyncUs, inMemory } = await diskFacts(place);
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  const [loadNow = 0] = loadavg();
  const commit = commitOfSources();
  const moment = `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const processor = `${availableParallelism()} cores, ${cpus()[0]?.model ?? "unknown"}`;
  const before = `load before the start ${loadNow.toFixed(2)}`;
  return [
    commit === undefined ? moment : `${moment}, sources at ${commit}`,
    `${processor}, ${gib} GiB, Linux ${release()}; ${before}`,
    `Node ${process.versions.node}; client, server, database and Redis on this one machine`,
    inMemory
      ? "THE DATA ARE IN MEMORY (tmpfs): commits cost nothing here, and the figures are of no use"
      : `a page written and synced to this disk takes ${fsyncUs.toFixed(0)} µs`,
  ];
}

export async function databaseLine({ flavour, version, sql }: Database): Promise<string> {
  const list = SETTINGS.map((name) => `'${name}'`).join(",");
  const rows = await sql("", `show global variables where variable_name in (${list})`);
  const found = new Map(rows.map((row) => [row["Variable_name"] as string, String(row["Value"])]));
  const settings = SETTINGS.flatMap((name) => {
    const value = found.get(name);
    return value === undefined ? [] : [`${name}=${value}`];
  });
  return `${NAMES[flavour]} ${version}: ${settings.join(", ")}`;
}

export const NAMES = { mariadb: "MariaDB", mysql: "MySQL" } as const;
