/** Where a run takes place: a folder of its own, private servers in it, and nothing left behind. */
import { execFileSync } from "node:child_process";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { mkdir, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { createConnection, type Connection } from "mysql2/promise";
import { Closers } from "../src/lifecycle.ts";
import {
  startLocalDatabase,
  type DatabaseFlavour,
  type LocalDatabase,
} from "../src/local/database.ts";
import { startLocalRedis, type LocalRedis } from "../src/local/redis.ts";
import { runningServers } from "../src/local/server-process.ts";
import type { Row } from "../src/store/cell.ts";

export interface Place {
  readonly directory: string;
  /** What is to be closed at the end, in reverse. */
  readonly closers: Closers;
}

const PREFIX = "billing-guard-bench-";
/** A file system in memory: there COMMIT costs nothing, and the figures would be of no use. */
const TMPFS = 0x01021994;
const FSYNCS = 200;
const PAGE_BYTES = 4_096;

/** Makes the folder, and removes those of earlier runs that were killed. */
export async function openPlace(parent: string): Promise<Place> {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)$`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
  const directory = join(parent, `${PREFIX}${process.pid}`);
  await mkdir(directory, { mode: 0o700 });
  const closers = new Closers();
  closers.add("folder", async () => {
    // The data are thrown away, so killing loses nothing. A server whose data vanish would loop.
    await Promise.all(runningServers().map((server) => server.kill()));
    await rm(directory, { recursive: true, force: true });
  });
  return { directory, closers };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Another user's process lives too.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** @throws Error when the disk has less room than that */
export async function requireDisk({ directory }: Place, gib: number, what: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const freeGib = (bavail * bsize) / 2 ** 30;
  if (freeGib >= gib) return;
  throw new Error(`${what} needs ${gib} GiB in ${directory}, and ${freeGib.toFixed(1)} are free`);
}

export interface DiskFacts {
  /** What a write that must last costs: the median of some, in microseconds. */
  readonly fsyncUs: number;
  readonly inMemory: boolean;
}

export async function diskFacts({ directory }: Place): Promise<DiskFacts> {
  const { type } = await statfs(directory);
  const file = openSync(join(directory, "fsync"), "w");
  const page = Buffer.alloc(PAGE_BYTES, 1);
  const tookUs = Array.from({ length: FSYNCS }, () => {
    const beganMs = performance.now();
    writeSync(file, page);
    fsyncSync(file);
    return (performance.now() - beganMs) * 1_000;
  });
  closeSync(file);
  tookUs.sort((left, right) => left - right);
  return { fsyncUs: tookUs[FSYNCS / 2]!, inMemory: type === TMPFS };
}

/** A private database server and its only user, the bench. */
export interface Database extends LocalDatabase {
  /** Runs one statement on a connection of its own schema; its session has the store's rules. */
  sql(schema: string, text: string): Promise<Row[]>;
  /** Ends the server and removes its data. */
  remove(): Promise<void>;
}

export async function openDatabase(
  place: Place,
  flavour: DatabaseFlavour,
  bufferPoolMiB: number,
): Promise<Database> {
  const dataDir = join(place.directory, flavour);
  const server = await startLocalDatabase({ flavour, dataDir, bufferPoolMiB });
  const connections = new Map<string, Promise<Connection>>();
  const connectionTo = (schema: string) => {
    const known = connections.get(schema);
    if (known !== undefined) return known;
    const made = createConnection({ uri: `${server.url}${schema}`, dateStrings: true });
    connections.set(schema, made);
    return made;
  };
  return {
    ...server,
    async sql(schema, text) {
      const [rows] = await (await connectionTo(schema)).query(text);
      return Array.isArray(rows) ? (rows as Row[]) : [];
    },
    async remove() {
      for (const connection of connections.values()) (await connection).destroy();
      await server.kill();
      for (const name of await readdir(place.directory)) {
        const isOurs = name === flavour || name.startsWith(`${flavour}.`);
        if (isOurs) await rm(join(place.directory, name), { recursive: true, force: true });
      }
    },
  };
}

export function openRedis({ directory }: Place): Promise<LocalRedis> {
  return startLocalRedis({ dataDir: join(directory, "redis") });
}

function git(...words: string[]): string {
  const output = execFileSync("git", words, {
    cwd: import.meta.dirname,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return output.trim();
}

/** The commit that is measured; undefined where it can't be told. */
export function commitOfSources(): string | undefined {
  try {
    const hash = git("rev-parse", "--short", "HEAD");
    const changed = git("status", "--porcelain", "--", "../src");
    return changed === "" ? hash : `${hash} with changes`;
  } catch {
    // No git, or no repository: a bench of a release.
    return undefined;
  }
}
