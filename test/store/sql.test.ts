import assert from "node:assert/strict";
import type { MikroORM } from "@mikro-orm/mysql";
import * as fc from "fast-check";
import type { Row } from "../../src/store/cell.ts";
import { closeOrm, openOrm, SESSION_SQL_MODE } from "../../src/store/orm.ts";
import { listSql, literal } from "../../src/store/sql.ts";
import { reading } from "../../src/store/transaction.ts";
import { flavours, freshSchema, type FreshSchema } from "../support/servers.ts";

/** Texts in a statement; more only make it longer. */
const TEXTS_MAX = 50;

/** Whole characters, with those in plenty that mean something in SQL, in JSON or in a pattern. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom("'", '"', "\\", "`", ";", "--", "/*", "%", "?", ":a", "\0", "\n", "\u001a"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
});

for (const flavour of flavours()) {
  describe(`text in statements on ${flavour}`, () => {
    let schema: FreshSchema;
    let orm: MikroORM;
    before(async () => {
      schema = await freshSchema(flavour);
      orm = await openOrm({ url: schema.url, poolMax: 2 });
    });
    after(async () => {
      await closeOrm(orm);
      await schema.drop();
    });

    const select = (sql: string) => reading(orm, (em) => em.execute<Row[]>(sql));

    it("arrives as it was, whatever characters it has", () =>
      fc.assert(
        fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: TEXTS_MAX }), async (texts) => {
          const rows = texts.map((value) => `select ${literal(value)} as v`).join(" union all ");
          assert.deepEqual((await select(rows)).map(({ v }) => v), texts);
          const listed = `select 1 as found from dual where ${literal(texts[0]!)} in (${listSql(texts)})`;
          assert.equal((await select(listed)).length, 1);
        }),
      ));

    it("is one literal in the SQL mode that every session has", async () => {
      // Where double quotes or backslashes meant something else, plain text would not be plain.
      assert.doesNotMatch(SESSION_SQL_MODE, /ANSI_QUOTES|NO_BACKSLASH_ESCAPES/);
      const [row] = await select(`select ${literal(`["a'b", "c\\\\d"]`)} as v`);
      assert.equal(row!["v"], `["a'b", "c\\\\d"]`);
    });
  });
}
