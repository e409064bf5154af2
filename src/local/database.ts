import { execFile } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

import { keptPassword, readIfThere, writeSecret } from "./credentials.ts";
import { programsInPath } from "./database-server.ts";
import type { DatabaseFlavour, DatabaseServer } from "./database-server.ts";
import {
  accountsSql,
  databaseSettings,
  identity,
  socketPathFor,
  temporaryDirFor,
} from "./database-settings.ts";
import { ensureDatabaseServer } from "./install.ts";
import { firstWords, freePort, LOOPBACK } from "./port.ts";
import { untilGone } from "./predecessor.ts";
import { logTail, startProcess, untilReady } from "./server-process.ts";
import type { ServerProcess } from "./server-process.ts";

export type { DatabaseFlavour } from "./database-server.ts";

export interface LocalDatabaseOptions {
  /** Default: the flavour that made `dataDir`, else whichever server this machine has. */
  readonly flavour?: DatabaseFlavour | undefined;
  /**
   * The server's data; made at the first start and kept. Beside it stand `<dataDir>.password`,
   * `<dataDir>.flavour`, `<dataDir>.tmp` and `<dataDir>.log`.
   */
  readonly dataDir: string;
  /** Default: a free port, another one at each start. */
  readonly port?: number | undefined;
  /** Memory for pages, in MiB; default 256. */
  readonly bufferPoolMiB?: number | undefined;
  /** Default `<dataDir>.log`; cut at 16 MiB, the run before is kept as `.1`. */
  readonly logFile?: string | undefined;
  /** More arguments for the server; they win over the settings made here. */
  readonly extraArgs?: readonly string[] | undefined;
  /** True lets the server live when this process dies; default false. */
  readonly survivesParent?: boolean | undefined;
}

/** A running private database server; after it ended, the same `dataDir` can be started again. */
export interface LocalDatabase extends ServerProcess {
  readonly flavour: DatabaseFlavour;
  readonly version: string;
  /** `mysql://user:password@127.0.0.1:port/`, without a schema. */
  readonly url: string;
  readonly port: number;
  readonly socketPath: string;
  readonly dataDir: string;
  readonly logFile: string;
}

const BUFFER_POOL_MIB = 256;
const USER = "billing";

/** How often another free port is tried after somebody else took the last one. */
const PORT_ATTEMPTS_MAX = 5;
const PORT_TAKEN = /Address already in use|Bind on TCP\/IP port/;

/** Making the system tables takes seconds; on a slow disk, a minute. */
const INITIALISE_TIMEOUT_MS = 600_000;

/**
 * Starts a private MySQL or MariaDB on `dataDir`, which only this service uses: own socket, own
 * port on loopback, own account with a random password, durable settings. Makes the data directory
 * at the first start and installs the server where it is missing and can be installed.
 * @throws Error that says what to install, or with the end of the server's log.
 */
export async function startLocalDatabase(options: LocalDatabaseOptions): Promise<LocalDatabase> {
  const dataDir = resolve(options.dataDir);
  await mkdir(join(dataDir, ".."), { recursive: true, mode: 0o700 });
  const server = await ensureDatabaseServer(await flavourFor(dataDir, options.flavour));
  const password = await keptPassword(`${dataDir}.password`);
  const pidFile = `${dataDir}.pid`;
  await untilGone(pidFile, dataDir);
  if (!(await hasData(dataDir))) await initialise(server, dataDir);
  await mkdir(temporaryDirFor(dataDir), { recursive: true, mode: 0o700 });

  const shortDir = () => mkdtempSync(join(tmpdir(), "billing-guard-socket-"));
  const socketPath = socketPathFor(dataDir, shortDir);
  const initFile = `${dataDir}.accounts.sql`;
  await writeSecret(initFile, accountsSql(server.flavour, USER, password));
  const logFile = options.logFile ?? `${dataDir}.log`;
  const bufferPoolMiB = options.bufferPoolMiB ?? BUFFER_POOL_MIB;
  const place = { flavour: server.flavour, dataDir, socketPath, pidFile, bufferPoolMiB };
  const commandFor = (chosenPort: number) => ({
    name: `${server.flavour} ${server.version}`,
    logFile,
    survivesParent: options.survivesParent,
    command: [
      ...server.command,
      ...databaseSettings({ ...place, port: chosenPort }),
      `--init-file=${initFile}`,
      ...(options.extraArgs ?? []),
    ],
  });
  const { port, running } = await startOnFreePort(options.port, socketPath, commandFor);
  await rm(initFile);
  const socketDir = dirname(socketPath);
  if (socketDir !== dataDir) {
    void running.ended.then(() => rm(socketDir, { recursive: true, force: true }));
  }
  const url = `mysql://${USER}:${password}@${LOOPBACK}:${port}/`;
  const { flavour, version } = server;
  return { flavour, version, url, port, socketPath, dataDir, logFile, ...running };
}

/**
 * Data belong to the flavour that made them: the other one can't read them. A folder with other
 * things in it is left alone.
 */
async function flavourFor(
  dataDir: string,
  wanted: DatabaseFlavour | undefined,
): Promise<DatabaseFlavour | undefined> {
  if (!(await hasData(dataDir))) return wanted;
  const made = (await readIfThere(`${dataDir}.flavour`))?.trim();
  if (made !== "mysql" && made !== "mariadb") {
    throw new Error(`${dataDir} holds something else than data of a private database`);
  }
  if (wanted !== undefined && wanted !== made) {
    throw new Error(`the data in ${dataDir} were made by ${made}, not by ${wanted}`);
  }
  return made;
}

async function hasData(dataDir: string): Promise<boolean> {
  return existsSync(dataDir) && (await readdir(dataDir)).length > 0;
}

/** Makes the system tables beside the place and moves them there whole: never half a database. */
async function initialise(server: DatabaseServer, dataDir: string): Promise<void> {
  const unfinished = `${dataDir}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  const temporary = temporaryDirFor(unfinished);
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  const [program = "", ...rest] = await initialiseCommand(server, unfinished);
  const run = { timeout: INITIALISE_TIMEOUT_MS, env: { PATH: process.env["PATH"], LC_ALL: "C" } };
  await promisify(execFile)(program, rest, run).catch((error: Error) => {
    throw new Error(`${server.flavour} can't make ${basename(dataDir)}: ${error.message}`);
  });
  await rm(temporary, { recursive: true, force: true });
  await writeSecret(`${dataDir}.flavour`, `${server.flavour}\n`);
  await rename(unfinished, dataDir);
}

async function initialiseCommand(server: DatabaseServer, dataDir: string): Promise<string[]> {
  if (server.flavour === "mysql") {
    return [...server.command, "--initialize-insecure", ...identity(dataDir)];
  }
  const [install] = await programsInPath(["mariadb-install-db", "mysql_install_db"]);
  if (install === undefined) throw new Error("mariadb-install-db is missing beside mariadbd");
  // No test schema, no anonymous account; root without a password only for this machine's root.
  return [install, "--no-defaults", "--skip-test-db", "--skip-name-resolve", ...identity(dataDir)];
}

type CommandFor = (port: number) => Parameters<typeof startProcess>[0];

/** Another process can take a free port before the server does; then the next one is tried. */
async function startOnFreePort(
  port: number | undefined,
  socketPath: string,
  commandFor: CommandFor,
) {
  for (let attempt = 1; ; attempt++) {
    const chosenPort = port ?? (await freePort());
    const command = commandFor(chosenPort);
    const running = startProcess(command);
    try {
      await untilReady(running, command, () => greets(socketPath));
      return { port: chosenPort, running };
    } catch (error) {
      const lostRace = port === undefined && PORT_TAKEN.test(logTail(command.logFile));
      if (!lostRace || attempt === PORT_ATTEMPTS_MAX) throw error;
    }
  }
}

/** Length (3 bytes), sequence number, then the version of the protocol: 10, or 255 for an error. */
const GREETING_BYTES = 5;
const PROTOCOL_VERSION = 10;

/**
 * A server that takes connections greets first; one that recovers or shuts down does not. It is
 * asked on its own socket: on the port, another server that was faster could answer.
 */
async function greets(path: string): Promise<boolean> {
  const greeting = await firstWords({ path }, "", ({ length }) => length >= GREETING_BYTES);
  return greeting?.[GREETING_BYTES - 1] === PROTOCOL_VERSION;
}
