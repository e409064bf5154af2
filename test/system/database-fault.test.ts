/** The database under load: killed, started again, and hanging. The service lives through it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startLocalDatabase, type LocalDatabase } from "../../src/local/database.ts";
import { openBank, type Bank } from "../support/bank.ts";
import { readMetric } from "../support/oracle/metrics.ts";
import { startServiceTarget, type ServiceTarget } from "../support/oracle/service-target.ts";
import { assertTrial } from "../support/oracle/trial.ts";
import { makeWorld } from "../support/oracle/world.ts";
import type { World } from "../support/oracle/workload.ts";
import { killPrograms } from "../support/program.ts";
import { flavours, freshDirectory } from "../support/servers.ts";

const KILLS = 2;
/** Fewer than callers, so that a hanging database fills the queues. */
const QUEUE_MAX = 16;
const LANES = 2;
const CALLERS = 120;
/** A caller's patience: what waits longer is given up, and unknown. */
const DEADLINE_MS = 1_000;
/** So many callers get no answer at each kill. */
const UNKNOWNS = 10;
const BUFFER_POOL_MIB = 64;

for (const flavour of flavours()) {
  describe(`a database of one's own, ${flavour}`, () => {
    let database: LocalDatabase;
    let bank: Bank;
    let service: ServiceTarget;
    let world: World;
    before(async () => {
      const directory = await freshDirectory();
      database = await startLocalDatabase({
        flavour,
        dataDir: join(directory, "database"),
        bufferPoolMiB: BUFFER_POOL_MIB,
      });
      bank = await openBank(flavour, { server: database });
      service = await startServiceTarget({
        databaseUrl: bank.url,
        directory,
        deadlineMs: DEADLINE_MS,
        env: {
          TELLER_LANES: String(LANES),
          TELLER_BATCH_MAX: String(QUEUE_MAX),
          TELLER_QUEUE_MAX: String(QUEUE_MAX),
        },
      });
      world = await makeWorld(bank);
    });
    after(async () => {
      await killPrograms();
      await bank.close();
      await database.kill();
    });

    it("leaves bounded queues behind it while it hangs, and all is served on when it goes on", async () => {
      await assertTrial({
        title: `SIGSTOP of ${flavour}`,
        databaseUrl: bank.url,
        directory: await freshDirectory(),
        world,
        targets: [service],
        workers: CALLERS,
        async inflict({ load, tally }) {
          await load.more(200);
          database.pause();
          tally.hit("SIGSTOP of the database");
          try {
            await Promise.all([load.more(CALLERS, "turned away"), load.more(QUEUE_MAX, "unknown")]);
            const depths = await readMetric(service.metricsUrl(), "billing_teller_queue_depth");
            assert.equal(depths.length, LANES);
            assert.ok(Math.max(...depths) <= QUEUE_MAX, `queues of ${depths.join(", ")}`);
          } finally {
            database.resume();
          }
          await load.more(200);
        },
        demands: { faults: 1, turnedAway: CALLERS, unknown: QUEUE_MAX, retries: 1, reconnects: 1 },
      });
    });

    it(`has what it acknowledged, once, and nothing else, after ${KILLS} kills under load`, async () => {
      const { port, dataDir } = database;
      await assertTrial({
        title: `kill -9 of ${flavour}`,
        databaseUrl: bank.url,
        directory: await freshDirectory(),
        world,
        targets: [service],
        async inflict({ load, tally, dice }) {
          for (let kill = 0; kill < KILLS; kill++) {
            await load.more(dice.whole(150, 300));
            await database.kill();
            tally.hit("kill -9 of the database");
            // Down for longer than the service tries by itself.
            await load.more(UNKNOWNS, "unknown");
            database = await startLocalDatabase({ dataDir, port, bufferPoolMiB: BUFFER_POOL_MIB });
          }
          await load.more(200);
        },
        demands: { faults: KILLS, unknown: KILLS * UNKNOWNS, retries: 1, reconnects: 1 },
      });
    });
  });
}
