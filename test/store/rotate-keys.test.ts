/** A change of keys beside serving servers, on a table of its own. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MikroORM } from "@mikro-orm/mysql";
import { createConnection } from "mysql2/promise";
import type { Row } from "../../src/store/cell.ts";
import { migrate } from "../../src/store/migrate.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { countKeys, rotateKeys } from "../../src/store/rotate-keys.ts";
import { placeOf, SEALED_COLUMNS, type SealedColumn } from "../../src/store/sealed-columns.ts";
import type { Sealer } from "../../src/store/sealer.ts";
import { createSealer, keyIdOf, type SealingKey, type SealingKeys } from "../../src/store/sealing.ts";
import { literal } from "../../src/store/sql.ts";
import { killPrograms, startProgram } from "../support/program.ts";
import { flavours, freshDirectory, freshSchema, type FreshSchema } from "../support/servers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COLUMN: SealedColumn = { table: "secrets", key: "secret_id", column: "text_sealed" };
/** Several pages of the rotation, the last of them not full. */
const ROWS = 350;

const indexKey = randomBytes(32);
const keys: readonly SealingKey[] = ["k1", "k2"].map((id) => ({ id, key: randomBytes(32) }));
const ring = (activeKeyId: string): SealingKeys => ({ keys, activeKeyId, indexKey });
const before1 = createSealer(ring("k1"));
const after2 = createSealer(ring("k2"));
const silent = () => {};
const idOf = (at: number) => `row_${String(at).padStart(6, "0")}`;

for (const flavour of flavours()) {
  describe(`a change of keys beside serving servers, ${flavour}`, () => {
    let schema: FreshSchema;
    let orm: MikroORM;
    before(async () => {
      schema = await freshSchema(flavour);
      orm = await openOrm({ url: schema.url, poolMax: 4 });
      await sql(`create table secrets (
        secret_id varchar(63) not null primary key, text_sealed varchar(1000) null)`);
    });
    beforeEach(async () => {
      await sql("delete from secrets");
      const values = Array.from({ length: ROWS }, (_, at) => {
        // Some rows have nothing to seal.
        const sealed = at % 7 === 3 ? null : seal(before1, idOf(at), `text ${at}`);
        return `(${literal(idOf(at))}, ${literal(sealed)})`;
      });
      await sql(`insert into secrets values ${values.join(",")}`);
    });
    afterEach(killPrograms);
    after(async () => {
      await closeOrm(orm);
      await schema.drop();
    });

    const sql = (text: string) => orm.em.fork().execute<Row[]>(text);
    const seal = (sealer: Sealer, id: string, text: string) => sealer.seal(text, placeOf(COLUMN, id));
    const rotate = (sealer: Sealer = after2) => rotateKeys(orm, sealer, "k2", silent, [COLUMN]);
    /** What is stored, opened; each must be sealed by this key. */
    const stored = async (keyId = "k2") => {
      const rows = await sql("select * from secrets where text_sealed is not null");
      return new Map(
        rows.map((row) => {
          const id = row["secret_id"] as string;
          const sealed = row["text_sealed"] as string;
          assert.equal(keyIdOf(sealed), keyId);
          return [id, after2.open(sealed, placeOf(COLUMN, id))];
        }),
      );
    };
    const asWritten = () =>
      new Map(
        Array.from({ length: ROWS }, (_, at) => at)
          .filter((at) => at % 7 !== 3)
          .map((at) => [idOf(at), `text ${at}`]),
      );

    it("seals everything anew, and nothing a second time", async () => {
      const [report] = await rotate();
      const count = asWritten().size;
      assert.deepEqual([report!.opened, report!.renewed], [count, count]);
      assert.deepEqual(await stored(), asWritten());
      assert.deepEqual([...(await countKeys(orm, [COLUMN]))], [["k2", count]]);
      const [again] = await rotate();
      assert.deepEqual([again!.opened, again!.renewed], [count, 0]);
    });

    it("waits for no row, and comes back to those that were locked", async () => {
      const holder = await createConnection(schema.url);
      await holder.beginTransaction();
      await holder.query(`update secrets set text_sealed = text_sealed where secret_id = '${idOf(5)}'`);
      await holder.query(`select * from secrets where secret_id = '${idOf(301)}' for update`);
      const rotating = rotate();
      const count = asWritten().size;
      while (((await countKeys(orm, [COLUMN])).get("k2") ?? 0) < count - 2);
      await holder.rollback();
      await holder.end();
      const [report] = await rotating;
      assert.deepEqual([report!.opened, report!.renewed], [count, count]);
      assert.deepEqual(await stored(), asWritten());
    });

    it("loses no change that is made meanwhile, and undoes none", async () => {
      const expected = asWritten();
      const writer = await createConnection(schema.url);
      const over = new AbortController();
      let changes = 0;
      const writing = (async () => {
        // A server that seals by the new key already: it changes, clears, removes and adds values.
        for (let at = 0; !over.signal.aborted || changes < 50; at = (at + 17) % ROWS, changes++) {
          const id = idOf(at);
          if (changes % 5 === 0) {
            await writer.query(`update secrets set text_sealed = null where secret_id = '${id}'`);
            expected.delete(id);
          } else {
            const sealed = seal(after2, id, `changed ${changes}`);
            await writer.query(`replace into secrets values ('${id}', '${sealed}')`);
            expected.set(id, `changed ${changes}`);
          }
        }
      })();
      await rotate();
      over.abort();
      await writing;
      await writer.end();
      assert.deepEqual(await stored(), expected);
    });

    it("goes on where it was ended, at any step", async () => {
      for (const last of [1, 57, 200]) {
        let left = last;
        const dying: Sealer = {
          ...after2,
          seal(text, context) {
            if (left === 0) throw new Error("killed");
            left -= 1;
            return after2.seal(text, context);
          },
        };
        await assert.rejects(rotate(dying), /killed/);
      }
      await rotate();
      assert.deepEqual(await stored(), asWritten());
    });

    it("stops at a value that nobody can open, names its place, and no text", async () => {
      const stranger = createSealer({
        keys: [{ id: "lost", key: randomBytes(32) }],
        activeKeyId: "lost",
        indexKey,
      });
      const cases: readonly (readonly [string, RegExp])[] = [
        [seal(stranger, idOf(9), "canary"), /secrets\.text_sealed:row_000009 is sealed by the key lost/],
        [seal(before1, idOf(8), "canary"), /secrets\.text_sealed:row_000009 was changed or moved/],
        ["canary", /secrets\.text_sealed:row_000009 is not a sealed value/],
      ];
      for (const [sealed, expected] of cases) {
        await sql(`update secrets set text_sealed = ${literal(sealed)} where secret_id = '${idOf(9)}'`);
        await assert.rejects(rotate(), (error: Error) => {
          assert.match(error.message, expected);
          assert.doesNotMatch(error.message, /canary/);
          return true;
        });
      }
    });

    it("says so when an older key goes on sealing", async () => {
      // As if a server that wasn't restarted came after each value that is sealed anew.
      const stale: Sealer = { ...after2, seal: before1.seal };
      await assert.rejects(rotate(stale), /secrets\.text_sealed: an older key is still sealing/);
    });

    it("knows every sealed column of the schema", async () => {
      const whole = await freshSchema(flavour);
      await migrate({ url: whole.url, warn: silent });
      const rows = await sql(
        `select concat(table_name, '.', column_name) as place from information_schema.columns
          where table_schema = '${whole.name}' and column_name like '%\\_sealed'`,
      );
      const known = SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`);
      assert.deepEqual(known.toSorted(), rows.map(({ place }) => place as string).toSorted());
      const primary = await sql(
        `select concat(table_name, '.', column_name) as place from information_schema.key_column_usage
          where table_schema = '${whole.name}' and constraint_name = 'PRIMARY'`,
      );
      const keyed = new Set(primary.map(({ place }) => place));
      for (const { table, key } of SEALED_COLUMNS) assert.ok(keyed.has(`${table}.${key}`), table);
      await whole.drop();
    });

    it("is a program that tells when the old key can be removed", async () => {
      const whole = await freshSchema(flavour);
      await migrate({ url: whole.url, warn: silent });
      const column = SEALED_COLUMNS.find(({ table }) => table === "payment_numbers")!;
      const place = placeOf(column, "pay_1");
      const own = await openOrm({ url: whole.url, poolMax: 1 });
      const sealed = before1.seal("canary", place);
      await own.em.fork().execute(`insert into payment_numbers values ('pay_1', '${sealed}')`);
      const file = join(await freshDirectory(), "keys.json");
      const text = {
        active: "k2",
        index_key: indexKey.toString("base64"),
        keys: keys.map(({ id, key }) => ({ id, key: key.toString("base64") })),
      };
      writeFileSync(file, JSON.stringify(text), { mode: 0o600 });
      const env = { DATABASE_URL: whole.url, SEALING_KEYS_FILE: file };
      const run = async (...words: string[]) => {
        const program = startProgram(["bin/rotate-keys.ts", ...words], { cwd: ROOT, env });
        const { code } = await program.exited;
        const output = program.lines.join("\n");
        assert.doesNotMatch(output, /canary/);
        for (const { key } of keys) assert.ok(!output.includes(key.toString("base64")));
        return { code, output };
      };
      assert.match((await run("--count")).output, /key k1: 1 values, in use/);
      const rotated = await run();
      assert.equal(rotated.code, 0, rotated.output);
      assert.match(rotated.output, /payment_numbers\.transaction_sealed: 1 opened, 1 sealed anew/);
      assert.match(rotated.output, /key k1: 0 values, can be removed/);
      assert.match(rotated.output, /key k2: 1 values, active/);
      writeFileSync(file, JSON.stringify({ ...text, active: "k1", keys: [text.keys[0]] }));
      assert.match((await run("--count")).output, /key k2: 1 values, not in the file/);
      assert.equal((await run()).code, 1);
      assert.equal((await run("--wrong")).code, 2);
      await closeOrm(own);
      await whole.drop();
    });
  });
}
