/** Redis under load: killed, started again, emptied, and hanging. Every answer stays right. */
import { join } from "node:path";
import { Redis } from "ioredis";
import { startLocalRedis, type LocalRedis } from "../../src/local/redis.ts";
import { openBank, type Bank } from "../support/bank.ts";
import { readMetric } from "../support/oracle/metrics.ts";
import { startServiceTarget, type ServiceTarget } from "../support/oracle/service-target.ts";
import { assertTrial, type Trial } from "../support/oracle/trial.ts";
import { makeWorld } from "../support/oracle/world.ts";
import { killPrograms } from "../support/program.ts";
import { flavours, freshDirectory } from "../support/servers.ts";

const FLUSHES = 10;

// What stands in the books is the database's matter; which one it is makes no difference to Redis.
const [flavour] = flavours() as [ReturnType<typeof flavours>[number]];

describe("two services whose Redis is in trouble", () => {
  let redis: LocalRedis;
  let bank: Bank;
  let services: ServiceTarget[];
  before(async () => {
    const directory = await freshDirectory();
    redis = await startLocalRedis({ dataDir: join(directory, "redis") });
    bank = await openBank(flavour);
    const options = {
      databaseUrl: bank.url,
      directory,
      env: { REDIS_URL: redis.url },
    };
    services = await Promise.all([1, 2].map(() => startServiceTarget(options)));
  });
  after(async () => {
    await killPrograms();
    await redis.kill();
    await bank.close();
  });

  /** Loads on until both services say that their second layer is away, or is there. */
  const untilDegraded = async ({ load }: Trial, isDegraded: boolean): Promise<void> => {
    for (const service of services) {
      for (;;) {
        await load.more(20);
        const [value] = await readMetric(service.metricsUrl(), "billing_redis_degraded");
        if (value === (isDegraded ? 1 : 0)) break;
      }
    }
  };

  it("overspend and lose nothing, say that they are degraded, and recover by themselves", async () => {
    const { port, dataDir } = redis;
    await assertTrial({
      title: "Redis killed, emptied and stopped",
      databaseUrl: bank.url,
      directory: await freshDirectory(),
      world: await makeWorld(bank),
      targets: services,
      async inflict(trial) {
        const { load, tally } = trial;
        await untilDegraded(trial, false);
        await redis.kill();
        tally.hit("kill -9 of Redis");
        await untilDegraded(trial, true);
        await load.more(100);
        redis = await startLocalRedis({ dataDir, port });
        await untilDegraded(trial, false);
        const client = new Redis(redis.url);
        for (let flush = 0; flush < FLUSHES; flush++) {
          await load.more(30);
          await client.flushall();
          tally.hit("FLUSHALL");
        }
        client.disconnect();
        redis.pause();
        tally.hit("SIGSTOP of Redis");
        try {
          await untilDegraded(trial, true);
          await load.more(100);
        } finally {
          redis.resume();
        }
        await untilDegraded(trial, false);
      },
      demands: { operations: 500, faults: FLUSHES + 2 },
    });
  });
});
