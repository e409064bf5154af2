/** Rows that others hold: a blocked row, a storm of deadlocks, a lock after a lost COMMIT. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createConnection, type Connection } from "mysql2/promise";
import type { UserId } from "../../src/billing/id.ts";
import { Refusal, type Reason } from "../../src/billing/refusal.ts";
import type { FaultKind } from "../../src/store/mysql-error.ts";
import { openBank, unique, type Bank } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { startMysqlProxy } from "../support/mysql-proxy.ts";
import type { Dice } from "../support/oracle/random.ts";
import { tellerTarget } from "../support/oracle/teller-target.ts";
import { assertTrial } from "../support/oracle/trial.ts";
import { makeWorld } from "../support/oracle/world.ts";
import { flavours, freshDirectory } from "../support/servers.ts";

/** So that a blocked row is told of soon. */
const SHORT_WAIT = "set session innodb_lock_wait_timeout = 1";
const STORM_CLIENTS = 3;
const STORM_PAUSE_MAX_MS = 10;
/** Rows that a transaction of the storm would have to undo. */
const BALLAST = 50;
/** So many of the teller's own transactions have to be undone. */
const DEADLOCKS = 12;

const refusedAs = (reason: Reason) => (error: unknown) =>
  error instanceof Refusal && error.reason === reason;

for (const flavour of flavours()) {
  describe(`rows that others hold on ${flavour}`, () => {
    let bank: Bank;
    let impatient: Bank;
    let blocker: Connection;
    const retries: FaultKind[] = [];
    before(async () => {
      bank = await openBank(flavour);
      impatient = await openBank(flavour, {
        url: bank.url,
        lanes: 1,
        prepare: async (query) => void (await query(SHORT_WAIT)),
        observer: { retried: (kind) => void retries.push(kind) },
      });
      blocker = await createConnection(bank.url);
    });
    beforeEach(() => void retries.splice(0));
    afterEach(async () => {
      await blocker.query("rollback");
      assert.deepEqual(await bookFaults(bank.sql), []);
    });
    after(async () => {
      await blocker.end();
      await impatient.close();
      await bank.close();
    });
    const block = async (userId: string): Promise<void> => {
      await blocker.query("begin");
      await blocker.query("select * from users where user_id = ? for update", [userId]);
    };

    it("refuse one user as ACCOUNT_BUSY, leave nothing half done, and stop nobody else", async () => {
      const users = await Promise.all(Array.from({ length: 20 }, () => bank.member(10)));
      const [blocked, ...others] = users as [UserId, ...UserId[]];
      const more = { key: unique("key"), taskId: unique("task") };
      await block(blocked);
      const busy = impatient.reserve(blocked, more);
      const refused = assert.rejects(busy, refusedAs("ACCOUNT_BUSY"));
      // They stand in one batch with the blocked one, and are answered while it still is.
      await Promise.all(others.map((userId) => impatient.reserve(userId)));
      await refused;
      // Nor does the next batch wait for the row again, and it tells strangers from blocked users.
      const again = assert.rejects(impatient.reserve(blocked, more), refusedAs("ACCOUNT_BUSY"));
      const stranger = impatient.reserve("nobody" as UserId);
      await Promise.all([
        again,
        assert.rejects(stranger, refusedAs("USER_NOT_FOUND")),
        impatient.reserve(others[0]!),
      ]);
      assert.deepEqual(retries, ["lock-wait"]);
      await blocker.query("rollback");
      const traces = await bank.sql(
        `select (select count(*) from quota_logs where idempotency_key = '${more.key}')
          + (select count(*) from quota_reservations where task_id = '${more.taskId}') as n`,
      );
      assert.equal(Number(traces[0]?.["n"]), 0);
      assert.equal((await impatient.reserve(blocked, more)).state, "HELD");
    });

    it("never make a definite no of what a lost COMMIT may have done", async () => {
      const userId = await bank.member(10);
      const more = { key: unique("key"), taskId: unique("task") };
      const proxy = await startMysqlProxy(bank.url);
      const cut = await openBank(flavour, {
        url: proxy.url,
        prepare: async (query) => void (await query(SHORT_WAIT)),
      });
      let blocking: Promise<void> | undefined;
      // The COMMIT is done, its answer is lost, and somebody else has the row from then on.
      proxy.decide(() => {
        if (blocking) return undefined;
        blocking = block(userId);
        return "after";
      });
      try {
        const outcome = await cut.reserve(userId, more).then(
          () => "done",
          (error: Refusal) => error.reason,
        );
        assert.ok(blocking);
        await blocking;
        await blocker.query("rollback");
        assert.notEqual(outcome, "ACCOUNT_BUSY");
        assert.equal((await cut.reserve(userId, more)).state, "HELD");
        assert.equal((await bank.reader.findBalance(userId))?.held, 1n);
      } finally {
        await cut.close();
        await proxy.close();
      }
    });

    it("let every operation through once in a storm of deadlocks", async () => {
      const world = await makeWorld(bank, { users: 4, hotUsers: 3 });
      const users = [...world.users, ...world.hotUsers].toSorted();
      // The server undoes the lighter of two transactions: with rows to undo, that is the teller's.
      await bank.sql("create table ballast (n int not null)");
      const stop = new AbortController();
      let ownDeadlocks = 0;
      const storm = async (dice: Dice): Promise<void> => {
        const connection = await createConnection(bank.url);
        while (!stop.signal.aborted) {
          // The other way round than the teller: the greater id first.
          const from = dice.whole(1, users.length - 1);
          const pair = [users[from]!, users[dice.whole(0, from - 1)]!];
          await connection.query("begin");
          await connection.query(`insert into ballast values ${"(1),".repeat(BALLAST)}(1)`);
          for (const userId of pair) {
            const lock = "select 1 from users where user_id = ? for update";
            ownDeadlocks += await connection.query(lock, [userId]).then(() => 0, deadlock);
          }
          await connection.query("rollback");
          await sleep(dice.whole(0, STORM_PAUSE_MAX_MS));
        }
        await connection.end();
      };
      await assertTrial({
        title: `deadlock storm on ${flavour}`,
        databaseUrl: bank.url,
        directory: await freshDirectory(),
        world,
        targets: [tellerTarget("teller", impatient.teller)],
        async inflict({ load, tally, dice }) {
          const storming = Promise.all(Array.from({ length: STORM_CLIENTS }, () => storm(dice)));
          const isHit = () => retries.filter((kind) => kind === "deadlock").length >= DEADLOCKS;
          while (!isHit()) await load.more(20);
          stop.abort();
          await storming;
          tally.hit("deadlock of the teller", retries.filter((kind) => kind === "deadlock").length);
          tally.hit("deadlock of the other client", ownDeadlocks);
          tally.retries += retries.length;
        },
        demands: { operations: 20, faults: DEADLOCKS, retries: DEADLOCKS },
      });
    });
  });
}

/** Counts a deadlock, and only that. */
function deadlock(error: unknown): 1 {
  assert.equal((error as { errno?: number }).errno, 1213);
  return 1;
}
