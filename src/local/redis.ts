import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";

import { keptPassword, writeSecret } from "./credentials.ts";
import { ensureRedisServer } from "./install.ts";
import { firstWords, freePort, LOOPBACK } from "./port.ts";
import { untilGone } from "./predecessor.ts";
import { logTail, startProcess, untilReady } from "./server-process.ts";
import type { ServerProcess } from "./server-process.ts";

export interface LocalRedisOptions {
  /** The data; beside it stand `<dataDir>.password`, `<dataDir>.conf` and `<dataDir>.log`. */
  readonly dataDir: string;
  /** Default: a free port, another one at each start. */
  readonly port?: number | undefined;
  /** True lets the server live when this process dies; default false. */
  readonly survivesParent?: boolean | undefined;
}

/** A running private Redis; after it ended, the same `dataDir` can be started again. */
export interface LocalRedis extends ServerProcess {
  /** `redis://:password@127.0.0.1:port/`. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly logFile: string;
}

/** Locks, gates and queues are small; at the bound Redis refuses writes and forgets nothing. */
const MEMORY_MAX_MIB = 256;

/** How often another free port is tried after somebody else took the last one. */
const PORT_ATTEMPTS_MAX = 5;
const PORT_TAKEN = /Address already in use/;

/**
 * Starts a private Redis on `dataDir`: own port on loopback, random password, append-only file,
 * nothing evicted. Installs the server where it is missing and can be installed.
 * @throws Error that says what to install, or with the end of the server's log.
 */
export async function startLocalRedis(options: LocalRedisOptions): Promise<LocalRedis> {
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const program = await programFor(dataDir, await ensureRedisServer());
  const password = await keptPassword(`${dataDir}.password`);
  const configFile = `${dataDir}.conf`;
  await untilGone(`${dataDir}.pid`, dataDir);
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    await writeSecret(configFile, configuration(dataDir, port, password));
    const command = {
      name: "redis-server",
      command: [program, configFile],
      logFile: `${dataDir}.log`,
      survivesParent: options.survivesParent,
    };
    const { logFile } = command;
    const running = startProcess(command);
    try {
      await untilReady(running, command, () => answersPing(port, password));
      const url = `redis://:${password}@${LOOPBACK}:${port}/`;
      return { url, port, dataDir, logFile, ...running };
    } catch (error) {
      const lostRace = options.port === undefined && PORT_TAKEN.test(logTail(logFile));
      if (!lostRace || attempt === PORT_ATTEMPTS_MAX) throw error;
    }
  }
}

/**
 * Debian's redis-tools bring the server under the name of a checking tool, and the program goes
 * by its name: under its right name, in our own folder, it serves.
 */
async function programFor(dataDir: string, program: string): Promise<string> {
  if (program.endsWith("redis-server")) return program;
  const link = join(dataDir, "redis-server");
  if (!existsSync(link)) await symlink(program, link);
  return link;
}

/** In a file and not in arguments: every user of the machine can read a command line. */
function configuration(dataDir: string, port: number, password: string): string {
  return `${[
    `bind ${LOOPBACK}`,
    `port ${port}`,
    `requirepass ${password}`,
    `dir "${dataDir}"`,
    `pidfile "${dataDir}.pid"`,
    "daemonize no",
    `maxmemory ${MEMORY_MAX_MIB}mb`,
    "maxmemory-policy noeviction",
    "appendonly yes",
    "appendfsync everysec",
    'save ""',
  ].join("\n")}\n`;
}

/** A server that still loads its data says -LOADING; a stranger refuses the password. */
async function answersPing(port: number, password: string): Promise<boolean> {
  const hello = `AUTH ${password}\r\nPING\r\n`;
  const lines = (received: Buffer) => received.toString("latin1").split("\r\n");
  const server = { host: LOOPBACK, port };
  const answer = await firstWords(server, hello, (received) => lines(received).length > 2);
  return answer !== null && lines(answer)[1] === "+PONG";
}
