import { mkdir, mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";

import { createConnection } from "mysql2/promise";

import { startLocalDatabase } from "../../src/local/database.ts";
import type { DatabaseFlavour, LocalDatabase } from "../../src/local/database.ts";
import { startLocalRedis } from "../../src/local/redis.ts";
import type { LocalRedis } from "../../src/local/redis.ts";
import { runningServers } from "../../src/local/server-process.ts";

/** Tests write little: a small pool leaves the memory to the many who test on one machine. */
const BUFFER_POOL_MIB = 128;

const ALL_FLAVOURS: readonly DatabaseFlavour[] = ["mysql", "mariadb"];

/**
 * The databases that every suite runs on: both, or those named in TEST_DATABASES, separated by
 * commas (`TEST_DATABASES=mariadb` for a quick run).
 */
export function flavours(): DatabaseFlavour[] {
  const wanted = process.env["TEST_DATABASES"]?.split(",").map((name) => name.trim());
  if (wanted === undefined) return [...ALL_FLAVOURS];
  const strangers = wanted.filter((name) => !ALL_FLAVOURS.some((flavour) => flavour === name));
  if (strangers.length > 0) throw new Error(`TEST_DATABASES names unknown ${strangers.join()}`);
  return ALL_FLAVOURS.filter((flavour) => wanted.includes(flavour));
}

/** The one server of this flavour that all suites of a run share; started when first asked for. */
export function sharedDatabase(flavour: DatabaseFlavour): Promise<LocalDatabase> {
  return shared(flavour, async () => {
    const dataDir = join(await runDirectory(), flavour);
    return startLocalDatabase({ flavour, dataDir, bufferPoolMiB: BUFFER_POOL_MIB });
  });
}

/** The one Redis that all suites of a run share: use keys with an own prefix. */
export function sharedRedis(): Promise<LocalRedis> {
  return shared("redis", async () => {
    const dataDir = join(await runDirectory(), "redis");
    return startLocalRedis({ dataDir });
  });
}

/** A schema that nobody else uses. */
export interface FreshSchema {
  readonly flavour: DatabaseFlavour;
  readonly name: string;
  /** `mysql://user:password@127.0.0.1:port/name`. */
  readonly url: string;
  /** Removes the schema with all its tables. */
  drop(): Promise<void>;
}

let schemas = 0;

/** A new, empty schema on the shared server of this flavour, or on a test's own. */
export async function freshSchema(
  flavour: DatabaseFlavour,
  own?: { readonly url: string },
): Promise<FreshSchema> {
  const server = own ?? (await sharedDatabase(flavour));
  const name = `test_${(schemas += 1)}`;
  await execute(server.url, `create database ${name}`);
  return {
    flavour,
    name,
    url: `${server.url}${name}`,
    drop: () => execute(server.url, `drop database ${name}`),
  };
}

/** Runs one statement on a connection of its own. */
export async function execute(url: string, sql: string): Promise<void> {
  const connection = await createConnection(url);
  try {
    await connection.query(sql);
  } finally {
    await connection.end();
  }
}

/**
 * A new folder for a test's own servers and files. It goes away at the end of the run: stop what
 * uses it before.
 */
export async function freshDirectory(): Promise<string> {
  return mkdtemp(join(await runDirectory(), "own-"));
}

type SharedServer = LocalDatabase | LocalRedis;

const servers = new Map<string, Promise<SharedServer>>();

function shared<T extends SharedServer>(name: string, start: () => Promise<T>): Promise<T> {
  const known = servers.get(name);
  if (known !== undefined) return known as Promise<T>;
  const starting = start();
  servers.set(name, starting);
  return starting;
}

/** Ends every server of this run, shared or a test's own, and removes all data of the run. */
export async function stopServers(): Promise<void> {
  await Promise.allSettled(servers.values());
  servers.clear();
  // The data are thrown away: killing loses nothing and takes no time. A server whose data vanish
  // while it runs would loop over its errors.
  await Promise.all(runningServers().map((server) => server.kill()));
  if (directory !== undefined) await rm(await directory, { recursive: true, force: true });
  directory = undefined;
}

/** Linux's own file system in memory; small in most containers. */
const MEMORY_FOLDER = "/dev/shm";
/** Twice what the data of a whole run came to. */
const MEMORY_MIN_BYTES = 12 * 1024 ** 3;

const PREFIX = "billing-guard-test-";
let directory: Promise<string> | undefined;

/** The folder of this run; its name carries the pid, so that a later run can tell it is old. */
function runDirectory(): Promise<string> {
  directory ??= makeRunDirectory();
  return directory;
}

async function makeRunDirectory(): Promise<string> {
  const parent = await runParent();
  for (const name of await readdir(parent)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)$`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
  const path = join(parent, `${PREFIX}${process.pid}`);
  await mkdir(path, { mode: 0o700 });
  return path;
}

/**
 * In memory where there is plenty: a disk that many share pauses for seconds, which is not what these
 * tests are about. The servers' settings, durability's too, are the same; what a killed process has
 * written stays in either.
 */
async function runParent(): Promise<string> {
  const room = await statfs(MEMORY_FOLDER).then(
    ({ bavail, bsize }) => Math.min(bavail * bsize, freemem()),
    () => 0, // Not on this system.
  );
  return room >= MEMORY_MIN_BYTES ? MEMORY_FOLDER : tmpdir();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Another user's process lives too.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
