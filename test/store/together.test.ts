import assert from "node:assert/strict";
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { ask, together } from "../../src/store/together.ts";
import { flavours, freshSchema, type FreshSchema } from "../support/servers.ts";

for (const flavour of flavours()) {
  describe(`several statements together on ${flavour}`, () => {
    let schema: FreshSchema;
    let orm: MikroORM;
    let single: MikroORM;

    before(async () => {
      schema = await freshSchema(flavour);
      orm = await openOrm({ url: schema.url, poolMax: 2, severalStatements: true });
      single = await openOrm({ url: schema.url, poolMax: 2 });
      await fork(orm).execute("create table notes (id int primary key, text varchar(4000) not null)");
    });

    beforeEach(() => fork(orm).execute("delete from notes"));

    after(async () => {
      await closeOrm(orm);
      await closeOrm(single);
      await schema.drop();
    });

    for (const [pool, of] of [["for several", () => orm], ["for single ones", () => single]] as const) {
      it(`gives each statement's own result, in order, on a pool ${pool}`, async () => {
        const results = await together(fork(of()), [
          "insert into notes values (1, 'a'), (2, 'b')",
          "select id from notes order by id",
          "update notes set text = 'c' where id > 1",
          "select text from notes where id > 5",
        ]);
        assert.deepEqual(
          results.map(({ rows }) => rows.map((row) => ({ ...row }))),
          [[], [{ id: 1 }, { id: 2 }], [], []],
        );
        assert.equal(results[0]!.affectedRows, 2);
        assert.equal(results[2]!.affectedRows, 1);
      });

      it(`runs nothing after a statement that fails on a pool ${pool}`, async () => {
        const run = fork(of()).transactional(async (em) => {
          await together(em, [
            "insert into notes values (1, 'a')",
            "insert into notes values (1, 'again')",
            "insert into notes values (2, 'never')",
          ]);
        });
        await assert.rejects(run, { errno: 1062 });
        assert.deepEqual(await fork(orm).execute("select * from notes"), []);
      });
    }

    it("asks several questions at once, also those that need no query", async () => {
      await fork(orm).execute("insert into notes values (1, 'a'), (2, 'b')");
      const ids = (rows: readonly Record<string, unknown>[] = []) => rows.map(({ id }) => id);
      const answers = await ask<[unknown[], unknown[], unknown[][]]>(fork(orm), [
        { queries: ["select id from notes where id = 1"], read: ids },
        { queries: [], read: ids },
        {
          queries: ["select id from notes where id = 2", "select id from notes where id = 3"],
          read: (...tables) => tables.map(ids),
        },
      ]);
      assert.deepEqual(answers, [[1], [], [[2], []]]);
    });

    it("takes more text than one packet may hold, in several round trips", async () => {
      const text = "x".repeat(4_000);
      const rows = Array.from({ length: 2_500 }, (_, at) => `(${at}, '${text}')`);
      const statements = Array.from(
        { length: 5 },
        (_, at) => `insert into notes values ${rows.slice(at * 500, (at + 1) * 500).join(",")}`,
      );
      const results = await together(fork(orm), statements);
      assert.deepEqual(
        results.map(({ affectedRows }) => affectedRows),
        [500, 500, 500, 500, 500],
      );
    });

    it("is not what other pools allow: there a second statement is an error", async () => {
      await assert.rejects(fork(single).execute("select 1; select 2"), { errno: 1064 });
    });
  });
}

const fork = (orm: MikroORM) => orm.em.fork() as EntityManager;
