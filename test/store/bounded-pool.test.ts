/** Waits that have an end: for an answer, and for a free connection. */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";

import type { MikroORM } from "@mikro-orm/mysql";

import { Refusal } from "../../src/billing/refusal.ts";
import type { Row } from "../../src/store/cell.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { inTransaction, reading } from "../../src/store/transaction.ts";
import { flavours, freshSchema, type FreshSchema } from "../support/servers.ts";

/** Longer than a busy disk's pause: what is answered at all has to be answered within it. */
const LIMIT_MS = 3_000;

for (const flavour of flavours()) {
  describe(`a bounded pool on ${flavour}`, () => {
    let schema: FreshSchema;
    let orm: MikroORM;
    before(async () => {
      schema = await freshSchema(flavour);
      orm = await openOrm({ url: schema.url, poolMax: 1, statementTimeoutMs: LIMIT_MS });
      await orm.em.fork().execute("create table marks (mark int not null primary key)");
    });
    after(async () => {
      await closeOrm(orm);
      await schema.drop();
    });

    const connectionId = async () => {
      const [row] = await orm.em.fork().execute<Row[]>("select connection_id() as id");
      return Number(row!["id"]);
    };
    /**
     * MySQL looks for its client only when the statement has ended, and a killed one takes its time to
     * undo its work: until both are over, the row stays locked.
     */
    const endSleepers = async () => {
      const running = "select id from information_schema.processlist where info = 'select sleep(60)'";
      // What belongs to no connection is the server's own upkeep.
      const open =
        "select trx_id from information_schema.innodb_trx where trx_mysql_thread_id > 0";
      for (;;) {
        const sleepers = await orm.em.fork().execute<Row[]>(running);
        for (const { id } of sleepers) {
          // It may have gone by itself meanwhile.
          await orm.em.fork().execute(`kill ${Number(id)}`).catch(ignoreUnknownThread);
        }
        const transactions = await orm.em.fork().execute<Row[]>(open);
        if (sleepers.length === 0 && transactions.length === 0) return;
        // innodb_trx is a copy that isn't made anew while it is read more often than every 100 ms.
        await setTimeout(300);
      }
    };
    const isUnavailable = (error: unknown) =>
      error instanceof Refusal && error.reason === "DATABASE_UNAVAILABLE";

    it("ends a statement that takes too long together with its connection", async () => {
      const before = await connectionId();
      const once = { attemptsMax: 1 };
      const sleeping = reading(orm, (em) => em.execute("select sleep(60)"), once);
      await assert.rejects(sleeping, isUnavailable);
      assert.notEqual(await connectionId(), before);
    });

    it("leaves nothing done of a transaction whose connection it has ended", async () => {
      const working = inTransaction(
        orm,
        async (em) => {
          await em.execute("insert into marks values (1)");
          await em.execute("select sleep(60)");
        },
        { attemptsMax: 1 },
      );
      await assert.rejects(working, isUnavailable);
      await endSleepers();
      await orm.em.fork().execute("insert into marks values (1)");
    });

    it("gives up a wait for a connection, and gives that to the next when it comes too late", async () => {
      const { promise: end, resolve } = Promise.withResolvers<void>();
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
      const holding = inTransaction(orm, async (em) => {
        await em.execute("insert into marks values (2)");
        begin();
        await end;
      });
      await begun;
      const waiting = reading(orm, (em) => em.execute("select 1"), { attemptsMax: 1 });
      await assert.rejects(waiting, isUnavailable);
      resolve();
      await holding;
      assert.equal((await orm.em.fork().execute<Row[]>("select * from marks")).length, 2);
    });

    it("ends no statement that is answered in time, however long the connection is used", async () => {
      const before = await connectionId();
      const endMs = performance.now() + 2 * LIMIT_MS;
      while (performance.now() < endMs) await orm.em.fork().execute("select sleep(0.05)");
      assert.equal(await connectionId(), before);
    });
  });
}

function ignoreUnknownThread(error: Error & { errno?: number }): void {
  if (error.errno !== 1094) throw error;
}
