/** What the soak breaks: a database, a Redis, and the services on them. */
import type { DatabaseFlavour, LocalDatabase } from "../../src/local/database.ts";
import { startLocalDatabase } from "../../src/local/database.ts";
import { startLocalRedis, type LocalRedis } from "../../src/local/redis.ts";
import { startServiceTarget, type ServiceTarget } from "../support/oracle/service-target.ts";
import { freshDirectory } from "../support/servers.ts";

export interface Plant {
  readonly flavour: DatabaseFlavour;
  database(): LocalDatabase;
  redis(): LocalRedis;
  /** kill -9; it starts again on the same data when what is done `meanwhile` is over. */
  killDatabase(meanwhile: () => Promise<void>): Promise<void>;
  killRedis(meanwhile: () => Promise<void>): Promise<void>;
  startServices(databaseUrl: string): Promise<ServiceTarget[]>;
  stop(): Promise<void>;
}

const SERVICES = 2;
/** A caller's patience with whatever hangs. */
const DEADLINE_MS = 2_000;

export async function startPlant(flavour: DatabaseFlavour, directory: string): Promise<Plant> {
  let database = await startLocalDatabase({ flavour, dataDir: `${directory}-database` });
  let redis = await startLocalRedis({ dataDir: `${directory}-redis` });
  return {
    flavour,
    database: () => database,
    redis: () => redis,
    async killDatabase(meanwhile) {
      const { dataDir, port } = database;
      await database.kill();
      try {
        await meanwhile();
      } finally {
        database = await startLocalDatabase({ dataDir, port });
      }
    },
    async killRedis(meanwhile) {
      const { dataDir, port } = redis;
      await redis.kill();
      try {
        await meanwhile();
      } finally {
        redis = await startLocalRedis({ dataDir, port });
      }
    },
    async startServices(databaseUrl) {
      const options = {
        databaseUrl,
        directory: await freshDirectory(),
        deadlineMs: DEADLINE_MS,
        env: { REDIS_URL: redis.url },
      };
      return Promise.all(Array.from({ length: SERVICES }, () => startServiceTarget(options)));
    },
    async stop() {
      await redis.kill();
      await database.kill();
    },
  };
}
