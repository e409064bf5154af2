/** The service process under load: killed, doubled, and asked for more than there is. */
import assert from "node:assert/strict";
import { openBank, PLAIN_FEATURE, unique, type Bank } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import type { Reply, ReserveRequest } from "../support/oracle/requests.ts";
import { startServiceTarget, type ServiceTarget } from "../support/oracle/service-target.ts";
import { assertTrial } from "../support/oracle/trial.ts";
import { makeWorld } from "../support/oracle/world.ts";
import { killPrograms } from "../support/program.ts";
import { flavours, freshDirectory } from "../support/servers.ts";

const KILLS = 3;
/** How often a server hangs, with whatever rows it has locked just then. */
const PAUSES = 1;
/** A caller's patience with a server that hangs. */
const DEADLINE_MS = 1_500;

for (const flavour of flavours()) {
  describe(`two service processes on ${flavour}`, () => {
    let bank: Bank;
    let services: ServiceTarget[];
    before(async () => {
      bank = await openBank(flavour);
      const directory = await freshDirectory();
      const options = { databaseUrl: bank.url, directory, deadlineMs: DEADLINE_MS };
      services = await Promise.all([1, 2].map(() => startServiceTarget(options)));
    });
    after(async () => {
      await killPrograms();
      await bank.close();
    });

    it("give exactly 100 of 500 concurrent reservations the last 100 units", async () => {
      const userId = await bank.member(100);
      const replies = await Promise.all(
        Array.from({ length: 500 }, (_, at) => services[at % 2]!.send(reserveOf(userId))),
      );
      const byOutcome = Object.groupBy(replies, ({ outcome }) => outcome);
      assert.equal(byOutcome.ok?.length, 100);
      assert.equal(byOutcome.refused?.length, 400);
      for (const reply of byOutcome.refused) assert.equal(reasonOf(reply), "QUOTA_INSUFFICIENT");
      const balance = await bank.reader.findBalance(userId);
      assert.deepEqual([balance?.available, balance?.held], [0n, 100n]);
      assert.deepEqual(await bookFaults(bank.sql), []);
    });

    it(`lose and double nothing while they are killed ${KILLS} times under load`, async () => {
      await assertTrial({
        title: "kill -9 of the service",
        databaseUrl: bank.url,
        directory: await freshDirectory(),
        world: await makeWorld(bank),
        targets: services,
        workers: 16,
        async inflict({ load, tally, dice }) {
          for (let kill = 0; kill < KILLS; kill++) {
            await load.more(dice.whole(100, 250));
            const service = services[kill % 2]!;
            await service.kill();
            tally.hit("kill -9 of the service");
            await service.start();
          }
          await load.more(200);
        },
        demands: { operations: 500, faults: KILLS, unknown: KILLS, retries: 1, reconnects: 2 },
      });
    });

    it("serve on while one of them hangs in the middle of its work", async () => {
      const [hanging, other] = services as [ServiceTarget, ServiceTarget];
      await assertTrial({
        title: "SIGSTOP of a service",
        databaseUrl: bank.url,
        directory: await freshDirectory(),
        world: await makeWorld(bank),
        targets: [other, hanging],
        workers: 32,
        async inflict({ load, tally, dice }) {
          for (let pause = 0; pause < PAUSES; pause++) {
            await load.more(dice.whole(50, 150));
            hanging.pause();
            tally.hit("SIGSTOP of the service");
            await load.more(5, "unknown");
            await load.more(50);
            hanging.resume();
          }
        },
        demands: { operations: 100, faults: PAUSES, unknown: PAUSES * 5, reconnects: 1 },
      });
    });
  });
}

function reserveOf(userId: string): ReserveRequest {
  return {
    method: "ReserveQuota",
    key: unique("key"),
    userId,
    featureId: PLAIN_FEATURE,
    taskId: unique("task"),
    quantity: 1,
    ttlMs: 900_000,
  };
}

function reasonOf(reply: Reply): string | undefined {
  return reply.outcome === "refused" ? reply.reason : undefined;
}
