/** The demo's own database and Redis, under one folder, unless the environment names others. */
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import type { Closers } from "../lifecycle.ts";
import { startLocalDatabase } from "../local/database.ts";
import { startLocalRedis } from "../local/redis.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Say = (line: string) => void;

const SCHEMA = "billing";

/**
 * The database's URL: DATABASE_URL, or that of a private server which is started now.
 * @throws Error that says what to install, or what the server says
 */
export async function databaseUrl(
  environment: Environment,
  folder: string,
  closers: Closers,
  say: Say,
): Promise<string> {
  const given = environment["DATABASE_URL"];
  if (given) {
    say("database  the one of DATABASE_URL");
    return given;
  }
  const server = await startLocalDatabase({ dataDir: join(folder, "database") });
  closers.add("private database", () => server.stop());
  const connection = await createConnection(server.url);
  await connection.query(`create database if not exists ${SCHEMA}`);
  await connection.end();
  say(`database  ${server.flavour} ${server.version}, private, data in ${server.dataDir}`);
  return `${server.url}${SCHEMA}`;
}

/**
 * The URL of Redis: REDIS_URL, or that of a private server; undefined where there's none to be had,
 * which is told and stops nothing: Redis is the second layer, and answers are right without it.
 */
export async function redisUrl(
  environment: Environment,
  folder: string,
  closers: Closers,
  say: Say,
): Promise<string | undefined> {
  const given = environment["REDIS_URL"];
  if (given) {
    say("redis     the one of REDIS_URL");
    return given;
  }
  try {
    const server = await startLocalRedis({ dataDir: join(folder, "redis") });
    closers.add("private redis", () => server.stop());
    say(`redis     private, data in ${server.dataDir}`);
    return server.url;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    say(`redis     none, so no second layer: ${why}`);
    return undefined;
  }
}
