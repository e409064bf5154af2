/** One run: a load on a server, what it cost, and the proof that the books agree with it. */
import type { ChildServer } from "./child.ts";
import { checkLedger, markLedger } from "./ledger.ts";
import { CLIENT, runLoad, type Load, type LoadResult } from "./load.ts";
import type { Options } from "./options.ts";
import { memoryOf } from "./process-usage.ts";
import type { Database } from "./place.ts";

export interface Scene {
  readonly options: Options;
  readonly database: Database;
  readonly redisPid: number | undefined;
  readonly token: string;
}

/** A server under load, and the schema where it keeps its books; the no-op has none. */
export interface Target {
  readonly server: ChildServer;
  readonly schema: string | undefined;
}

/** The part of a load that a run decides. */
export type Shape = Pick<Load, "kind" | "users"> &
  Partial<Pick<Load, "userStride" | "inFlight" | "measureMs" | "warmUpMs" | "afterRefusal">>;

export interface Run extends LoadResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time for each operation, in microseconds; undefined where the process isn't there. */
  readonly serverUs: number;
  readonly databaseUs: number | undefined;
  readonly redisUs: number | undefined;
  readonly clientUs: number;
  /** CPU time by time: 1 is one core, always busy. */
  readonly serverShare: number;
  /** The same of all processes that are no part of the run: how much the machine was disturbed. */
  readonly othersShare: number;
  /** The most memory that the server had so far, in MiB. */
  readonly peakMib: number;
}

const SERVER = "server";
const DATABASE = "database";
const REDIS = "redis";

/** @throws Error when a call failed, or when the books don't agree with what was acknowledged */
export async function run(scene: Scene, target: Target, shape: Shape): Promise<Run> {
  const { options, database, redisPid, token } = scene;
  const { server, schema } = target;
  const mark = schema === undefined ? undefined : await markLedger(database, schema);
  const result = await runLoad({
    address: server.address,
    token,
    inFlight: options.inFlight,
    channels: options.channels,
    processes: options.processes,
    warmUpMs: options.warmUpMs,
    measureMs: options.measureMs,
    watched: {
      [SERVER]: server.pid,
      [DATABASE]: database.pid,
      ...(redisPid === undefined ? {} : { [REDIS]: redisPid }),
    },
    ...shape,
  });
  const peakMib = memoryOf(server.pid).peakKib / 1_024;
  if (schema !== undefined) await checkLedger(database, schema, mark!, result.whole);
  const cost = (name: string) => (result.cpuUs[name] ?? NaN) / result.operations;
  const hasBooks = schema !== undefined;
  return {
    ...result,
    p50Ms: result.latency.quantileUs(0.5) / 1_000,
    p99Ms: result.latency.quantileUs(0.99) / 1_000,
    serverUs: cost(SERVER),
    databaseUs: hasBooks ? cost(DATABASE) : undefined,
    redisUs: hasBooks && redisPid !== undefined ? cost(REDIS) : undefined,
    clientUs: cost(CLIENT),
    serverShare: result.cpuUs[SERVER]! / (result.seconds * 1_000_000),
    othersShare: result.othersUs / (result.seconds * 1_000_000),
    peakMib,
  };
}
