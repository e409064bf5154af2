import { join } from "node:path";

import type { DatabaseFlavour } from "./database-server.ts";
import { LOOPBACK } from "./port.ts";

/** Enough for several servers with their pools; each connection may cost some megabytes. */
const CONNECTIONS_MAX = 200;

/** Shorter than any caller's deadline; the default of 50 s is longer than all of them. */
const LOCK_WAIT_SECONDS = 5;

/** A binlog file this large is closed; only closed files can be dropped. */
const BINLOG_FILE_BYTES = 64 * 1024 * 1024;

/** How long closed binlogs stay: a day of point-in-time recovery, then the disk is free again. */
const BINLOG_EXPIRE_SECONDS = 86_400;

/** Any fault in a value fails the statement: money is never rounded, cut or zeroed quietly. */
const SQL_MODE = [
  "ONLY_FULL_GROUP_BY",
  "STRICT_TRANS_TABLES",
  "STRICT_ALL_TABLES",
  "NO_ZERO_IN_DATE",
  "NO_ZERO_DATE",
  "ERROR_FOR_DIVISION_BY_ZERO",
  "NO_ENGINE_SUBSTITUTION",
].join(",");

export interface SettingsOf {
  readonly flavour: DatabaseFlavour;
  readonly dataDir: string;
  readonly socketPath: string;
  readonly pidFile: string;
  readonly port: number;
  readonly bufferPoolMiB: number;
}

/** The arguments of a private server: on loopback, and never less durable than production. */
export function databaseSettings(server: SettingsOf): string[] {
  return [
    ...identity(server.dataDir),
    `--socket=${server.socketPath}`,
    `--pid-file=${server.pidFile}`,
    `--port=${server.port}`,
    `--bind-address=${LOOPBACK}`,
    "--skip-name-resolve",
    "--local-infile=OFF",
    `--max-connections=${CONNECTIONS_MAX}`,
    // What COMMIT acknowledged survives a power failure.
    "--innodb-flush-log-at-trx-commit=1",
    "--sync-binlog=1",
    "--innodb-doublewrite=ON",
    "--log-bin=binlog",
    "--server-id=1",
    `--max-binlog-size=${BINLOG_FILE_BYTES}`,
    `--binlog-expire-logs-seconds=${BINLOG_EXPIRE_SECONDS}`,
    // A batch's events are a few hundred KB: the default cache would spill them to a file.
    `--binlog-cache-size=${BINLOG_CACHE_BYTES}`,
    // An update logs its key and what changed; whole rows would be most of the binlog.
    "--binlog-row-image=MINIMAL",
    "--transaction-isolation=READ-COMMITTED",
    `--innodb-lock-wait-timeout=${LOCK_WAIT_SECONDS}`,
    `--innodb-buffer-pool-size=${server.bufferPoolMiB}M`,
    `--sql-mode=${SQL_MODE}`,
    // Ids are case-sensitive: with the default collation 'Alice' would be 'alice'.
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_bin",
    "--default-time-zone=+00:00",
    "--performance-schema=OFF",
    ...PECULIARITIES[server.flavour],
  ];
}

const BINLOG_CACHE_BYTES = 2 * 1024 * 1024;

const PECULIARITIES: Record<DatabaseFlavour, readonly string[]> = {
  // A second protocol on a second port, and a folder for files: neither is used.
  mysql: [
    "--mysqlx=OFF",
    "--secure-file-priv=NULL",
    "--innodb-redo-log-capacity=256M",
    // On few cores the writers' own threads cost a tenth of all CPU in switching to and fro.
    "--innodb-log-writer-threads=OFF",
  ],
  // MySQL knows no other format any more.
  mariadb: ["--binlog-format=ROW", "--innodb-log-file-size=256M"],
};

/**
 * Which files, and as whom. Root has to be asked for by name. A user `mysql` is not used even where
 * it exists: it can't reach a data directory in somebody's home.
 */
export function identity(dataDir: string): string[] {
  const asRoot = process.getuid?.() === 0 ? ["--user=root"] : [];
  return [`--datadir=${dataDir}`, `--tmpdir=${temporaryDirFor(dataDir)}`, ...asRoot];
}

/**
 * Where a server keeps temporary tables: beside its data, and for itself alone. MariaDB removes all
 * files of temporary tables that it finds there when it starts, other servers' too.
 */
export function temporaryDirFor(dataDir: string): string {
  return `${dataDir}.tmp`;
}

/**
 * SQL that the server runs at each start, before it lets anybody in: the one account that can log
 * in has the kept password. FILE is taken away: SQL has no business with this machine's files.
 */
export function accountsSql(flavour: DatabaseFlavour, user: string, password: string): string {
  const accounts = [LOOPBACK, "localhost"].flatMap((host) => [
    `CREATE USER IF NOT EXISTS '${user}'@'${host}' IDENTIFIED BY '${password}';`,
    `ALTER USER '${user}'@'${host}' IDENTIFIED BY '${password}';`,
    `GRANT ALL PRIVILEGES ON *.* TO '${user}'@'${host}' WITH GRANT OPTION;`,
    `REVOKE FILE ON *.* FROM '${user}'@'${host}';`,
  ]);
  // MySQL makes a root without a password; MariaDB's can only be used by this machine's root.
  const root = `ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}';`;
  const statements = flavour === "mysql" ? [...accounts, root] : accounts;
  return `${["SET SESSION sql_log_bin = 0;", ...statements].join("\n")}\n`;
}

/** A Unix socket's path has 107 characters at most; longer ones are refused by the server. */
const SOCKET_PATH_LENGTH_MAX = 100;

/** Where the Unix socket stands: in the data directory, or in `shortDir` if that is too deep. */
export function socketPathFor(dataDir: string, shortDir: () => string): string {
  const path = join(dataDir, "server.sock");
  return path.length <= SOCKET_PATH_LENGTH_MAX ? path : join(shortDir(), "server.sock");
}
