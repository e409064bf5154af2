import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { Refusal, type Reason } from "../../src/billing/refusal.ts";
import { freePort } from "../../src/local/port.ts";
import type { Row } from "../../src/store/cell.ts";
import { closeOrm, openOrm, SESSION_SQL_MODE } from "../../src/store/orm.ts";
import { inTransaction, reading } from "../../src/store/transaction.ts";
import { execute, flavours, freshSchema, type FreshSchema } from "../support/servers.ts";

const refused = (reason: Reason) => (error: unknown) => {
  assert.ok(error instanceof Refusal, String(error));
  assert.equal(error.reason, reason);
  assert.ok(error.cause !== undefined && error.retryAfterMs! > 0);
  return true;
};

/** Short, so that a test needn't wait for long; the rule is the same. */
const SHORT_LOCK_WAIT = "set session innodb_lock_wait_timeout = 1";

for (const flavour of flavours()) {
  describe(`transactions on ${flavour}`, () => {
    let schema: FreshSchema;
    let orm: MikroORM;
    before(async () => {
      schema = await freshSchema(flavour);
      await execute(schema.url, "create table t (id int primary key, n int) engine InnoDB");
      orm = await openOrm({
        url: schema.url,
        poolMax: 4,
        prepare: async (query) => void (await query(SHORT_LOCK_WAIT)),
      });
    });
    beforeEach(() => execute(schema.url, "replace into t values (1, 0), (2, 0)"));
    after(async () => {
      await closeOrm(orm);
      await schema.drop();
    });

    const add = (em: EntityManager, id: number) =>
      em.execute(`update t set n = n + 1 where id = ${id}`, [], "run");
    const numbers = async () =>
      (await reading(orm, (em) => em.execute<Row[]>("select n from t order by id"))).map(
        ({ n }) => n,
      );
    const connectionId = async (em: EntityManager) =>
      Number((await em.execute<Row[]>("select connection_id() as id"))[0]!["id"]);

    it("give every session the same rules, whatever the server's are", async () => {
      const isolation = flavour === "mysql" ? "@@transaction_isolation" : "@@tx_isolation";
      const [row] = await reading(orm, (em) =>
        em.execute<Row[]>(
          `select ${isolation} as isolation, @@sql_mode as mode, @@time_zone as zone,
            @@collation_connection as collation`,
        ),
      );
      assert.deepEqual(
        { ...row },
        {
          isolation: "READ-COMMITTED",
          mode: SESSION_SQL_MODE,
          zone: "+00:00",
          collation: "utf8mb4_bin",
        },
      );
    });

    it("undo everything when the work throws, and throw what it threw", async () => {
      const no = new Error("no");
      const work = async (em: EntityManager) => {
        await add(em, 1);
        throw no;
      };
      await assert.rejects(inTransaction(orm, work), (error) => error === no);
      assert.deepEqual(await numbers(), [0, 0]);
    });

    it("run both of two deadlocked works to their ends, each once", async () => {
      let runs = 0;
      const bothHoldOne = Promise.withResolvers<void>();
      let holding = 0;
      const cross = (first: number, second: number) =>
        inTransaction(orm, async (em) => {
          runs += 1;
          await add(em, first);
          holding += 1;
          if (holding === 2) bothHoldOne.resolve();
          await bothHoldOne.promise;
          await add(em, second);
        });
      await Promise.all([cross(1, 2), cross(2, 1)]);
      assert.equal(runs, 3);
      assert.deepEqual(await numbers(), [2, 2]);
    });

    it("run work again that waited too long for a row, and the whole of it", async () => {
      const free = Promise.withResolvers<void>();
      const held = Promise.withResolvers<void>();
      const holder = inTransaction(orm, async (em) => {
        await add(em, 1);
        held.resolve();
        await free.promise;
      });
      await held.promise;
      let runs = 0;
      await inTransaction(orm, async (em) => {
        runs += 1;
        if (runs === 2) free.resolve();
        await add(em, 2);
        await add(em, 1);
      });
      await holder;
      assert.equal(runs, 2);
      assert.deepEqual(await numbers(), [2, 1]);
    });

    it("refuse as ACCOUNT_BUSY when the row stays locked, and leave nothing behind", async () => {
      const free = Promise.withResolvers<void>();
      const held = Promise.withResolvers<void>();
      const holder = inTransaction(orm, async (em) => {
        await add(em, 1);
        held.resolve();
        await free.promise;
      });
      await held.promise;
      const work = async (em: EntityManager) => {
        await add(em, 2);
        await add(em, 1);
      };
      await assert.rejects(inTransaction(orm, work, { attemptsMax: 2 }), refused("ACCOUNT_BUSY"));
      free.resolve();
      await holder;
      assert.deepEqual(await numbers(), [1, 0]);
    });

    it("run work again whose connection was lost before COMMIT", async () => {
      let runs = 0;
      await inTransaction(orm, async (em) => {
        runs += 1;
        await add(em, 1);
        if (runs === 1) await execute(schema.url, `kill ${await connectionId(em)}`);
        await add(em, 2);
      });
      assert.equal(runs, 2);
      assert.deepEqual(await numbers(), [1, 1]);
    });

    it("say that the outcome is unknown when the connection is lost at COMMIT", async () => {
      let runs = 0;
      const work = async (em: EntityManager) => {
        runs += 1;
        await add(em, 1);
        await execute(schema.url, `kill ${await connectionId(em)}`);
      };
      await assert.rejects(inTransaction(orm, work), refused("DATABASE_UNAVAILABLE"));
      assert.equal(runs, 1);
      assert.deepEqual(await numbers(), [0, 0]);
    });

    it("refuse as DATABASE_UNAVAILABLE when no server is there", async () => {
      const port = await freePort();
      const away = await openOrm({ url: `mysql://a:b@127.0.0.1:${port}/x`, poolMax: 1 });
      const work = (em: EntityManager) => em.execute("select 1");
      await assert.rejects(inTransaction(away, work), refused("DATABASE_UNAVAILABLE"));
      await assert.rejects(reading(away, work), refused("DATABASE_UNAVAILABLE"));
      await closeOrm(away);
    });

    it("refuse as OVERLOADED at once when more work waits than the pool takes", async () => {
      const small = await openOrm({ url: schema.url, poolMax: 1, queueLimit: 2 });
      const free = Promise.withResolvers<void>();
      const works = Array.from({ length: 5 }, () =>
        inTransaction(small, async (em) => {
          await free.promise;
          await add(em, 1);
        }),
      );
      const refusals = works.slice(3).map((work) => assert.rejects(work, refused("OVERLOADED")));
      await Promise.all(refusals);
      free.resolve();
      await Promise.all(works.slice(0, 3));
      assert.deepEqual(await numbers(), [3, 0]);
      await closeOrm(small);
    });

    it("stop a statement that waits for a lock when they are given up", async () => {
      const free = Promise.withResolvers<void>();
      const held = Promise.withResolvers<void>();
      const holder = inTransaction(orm, async (em) => {
        await add(em, 1);
        held.resolve();
        await free.promise;
      });
      await held.promise;
      const client = new AbortController();
      const reason = new Error("the caller hung up");
      const waiting = Promise.withResolvers<void>();
      const given = inTransaction(
        orm,
        async (em) => {
          await add(em, 2);
          const blocked = add(em, 1);
          waiting.resolve();
          await blocked;
        },
        { signal: client.signal },
      );
      await waiting.promise;
      client.abort(reason);
      await assert.rejects(given, (error) => error === reason);
      // Its lock on the other row is free again, though the first row is still held.
      await inTransaction(orm, (em) => add(em, 2));
      free.resolve();
      await holder;
      assert.deepEqual(await numbers(), [1, 1]);
    });

    it("tell the truth however late they are given up: done, or nothing done", async () => {
      let expected = 0;
      for (let turns = 0; turns < 60; turns++) {
        const client = new AbortController();
        const reason = new Error("enough");
        const work = async (em: EntityManager) => void (await add(em, 1));
        const outcome = inTransaction(orm, work, { signal: client.signal }).then(
          () => "done",
          (error: unknown) => {
            assert.equal(error, reason);
            return "given up";
          },
        );
        for (let turn = 0; turn < turns; turn++) await nextTurn();
        client.abort(reason);
        if ((await outcome) === "done") expected += 1;
        assert.deepEqual(await numbers(), [expected, 0]);
      }
    });

    it("use one pool, however many come first at the same moment", async () => {
      const fresh = await openOrm({ url: schema.url, poolMax: 2 });
      const ids = await Promise.all(
        Array.from({ length: 20 }, () => reading(fresh, (em) => connectionId(em))),
      );
      assert.ok(new Set(ids).size <= 2, ids.join());
      await closeOrm(fresh);
    });

    it("give the place of a connection back that could not be prepared", async () => {
      let attempts = 0;
      const one = await openOrm({
        url: schema.url,
        poolMax: 1,
        prepare: async () => {
          attempts += 1;
          if (attempts < 5) throw new Error("not yet");
        },
      });
      for (let attempt = 1; attempt < 5; attempt++) {
        await assert.rejects(
          reading(one, (em) => em.execute("select 1")),
          /not yet/,
        );
      }
      assert.equal((await reading(one, (em) => em.execute<Row[]>("select 1"))).length, 1);
      await closeOrm(one);
    });
  });
}
