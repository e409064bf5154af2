/** The moment when nobody knows: connections that break at COMMIT. */
import assert from "node:assert/strict";
import { Refusal } from "../../src/billing/refusal.ts";
import { openBank, unique, type Bank } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { startMysqlProxy, type MysqlProxy } from "../support/mysql-proxy.ts";
import { tellerTarget } from "../support/oracle/teller-target.ts";
import { assertTrial } from "../support/oracle/trial.ts";
import { makeWorld } from "../support/oracle/world.ts";
import { flavours, freshDirectory } from "../support/servers.ts";

/** So many COMMITs in a row are cut at most: more than the teller tries again by itself. */
const CUTS_IN_A_ROW = 7;
/** Of each kind, so that the run has proven something. */
const CUTS_MIN = 25;
/** Short, since each silence is waited for; no statement here waits for a lock. */
const STATEMENT_TIMEOUT_MS = 1_000;

for (const flavour of flavours()) {
  describe(`connections cut at COMMIT on ${flavour}`, () => {
    let bank: Bank;
    let cutBank: Bank;
    let proxy: MysqlProxy;
    let retries = 0;
    before(async () => {
      bank = await openBank(flavour);
      proxy = await startMysqlProxy(bank.url);
      cutBank = await openBank(flavour, {
        url: proxy.url,
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        observer: { retried: () => void (retries += 1) },
      });
    });
    afterEach(async () => {
      proxy.calm();
      assert.deepEqual(await bookFaults(bank.sql), []);
    });
    after(async () => {
      await cutBank.close();
      await proxy.close();
      await bank.close();
    });

    it("charges once when the answer to COMMIT is lost or never comes, and once when the COMMIT is", async () => {
      for (const cut of ["after", "before", "silent after", "silent before"] as const) {
        const userId = await bank.member(100);
        let isCut = false;
        proxy.decide(() => {
          if (isCut) return undefined;
          isCut = true;
          return cut;
        });
        const reservation = await cutBank.reserve(userId, { quantity: 7 });
        assert.ok(isCut);
        const stored = await bank.reader.findReservation(reservation.reservationId);
        assert.deepEqual(stored, reservation);
        const balance = await bank.reader.findBalance(userId);
        assert.deepEqual([balance?.available, balance?.held], [93n, 7n]);
      }
    });

    it("says that the outcome is unknown when it is, and the same key tells it", async () => {
      for (const cut of ["after", "before", "silent after", "silent before"] as const) {
        const userId = await bank.member(100);
        const more = { key: unique("key"), taskId: unique("task") };
        // The first COMMIT as it is to be; all the others never reach the server.
        let commits = 0;
        proxy.decide(() => ((commits += 1) === 1 ? cut : "before"));
        await assert.rejects(
          cutBank.reserve(userId, more),
          (error) => error instanceof Refusal && error.reason === "DATABASE_UNAVAILABLE",
        );
        proxy.calm();
        const done = await bank.sql(
          `select 1 from quota_reservations where user_id = '${userId}' and state = 'HELD'`,
        );
        assert.equal(done.length, cut.endsWith("after") ? 1 : 0);
        await cutBank.reserve(userId, more);
        assert.equal((await bank.reader.findBalance(userId))?.held, 1n);
      }
    });

    it("loses and doubles nothing while one COMMIT in three is cut", async () => {
      // With the usual bound: on a busy machine an honest statement may take longer than the short one.
      const stormBank = await openBank(flavour, {
        url: proxy.url,
        observer: { retried: () => void (retries += 1) },
      });
      try {
        const { tally } = await assertTrial({
          title: `cut at COMMIT on ${flavour}`,
          databaseUrl: bank.url,
          directory: await freshDirectory(),
          world: await makeWorld(bank),
          targets: [tellerTarget("teller behind the proxy", stormBank.teller)],
          async inflict({ load, tally: hits, dice }) {
            let row = 0;
            const cuts = { before: 0, after: 0 };
            proxy.decide(() => {
              // Now and then so many in a row that the teller gives up.
              if (row === 0 && dice.chance(0.05)) row = CUTS_IN_A_ROW;
              if (row > 0) row -= 1;
              else if (!dice.chance(0.3)) return undefined;
              const cut = dice.chance(0.5) ? "before" : "after";
              hits.hit(`cut ${cut} COMMIT`);
              cuts[cut] += 1;
              return cut;
            });
            const before = retries;
            await load.more(20, "unknown");
            await load.more(400);
            // A slow machine makes larger batches, and so fewer COMMITs: it goes on until enough were hit.
            while (Math.min(cuts.before, cuts.after) < CUTS_MIN) await load.more(50);
            proxy.calm();
            hits.retries += retries - before;
          },
          demands: { operations: 400, faults: 40, unknown: 20, retries: 20, reconnects: 1 },
        });
        assert.ok(tally.faults.get("cut before COMMIT")! > 10);
        assert.ok(tally.faults.get("cut after COMMIT")! > 10);
      } finally {
        await stormBank.close();
      }
    });
  });
}
