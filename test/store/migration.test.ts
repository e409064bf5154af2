import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createConnection } from "mysql2/promise";
import { migrate, missingMigrations } from "../../src/store/migrate.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import type { Row } from "../../src/store/cell.ts";
import { execute, flavours, freshSchema, type FreshSchema } from "../support/servers.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/migrate.ts");
const LEDGERS = ["quota_logs", "operations", "audit_events"];
const silent = { warn: () => {} };

async function query(url: string, sql: string): Promise<Row[]> {
  const connection = await createConnection({ uri: url, dateStrings: true });
  try {
    const [rows] = await connection.query(sql);
    return rows as Row[];
  } finally {
    await connection.end();
  }
}

/** Everything that makes the schema, as the server tells it. */
async function shapeOf(url: string): Promise<string> {
  const tables = await query(url, "show tables");
  const shapes: string[] = [];
  for (const table of tables.map((row) => String(Object.values(row)[0])).sort()) {
    const [shape] = await query(url, `show create table ${table}`);
    // How many rows there were says nothing about the schema.
    shapes.push(String(shape!["Create Table"]).replace(/ AUTO_INCREMENT=\d+/, ""));
  }
  const triggers = await query(url, "show triggers");
  for (const row of triggers) {
    shapes.push([row["Trigger"], row["Event"], row["Table"], row["Statement"]].join(" "));
  }
  return shapes.join("\n");
}

function startProgram(url: string): { readonly child: ChildProcess; readonly ended: Promise<End> } {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]).then(
    ([stdout, stderr, [code]]) => ({ stdout, stderr, code: code as number | null }),
  );
  return { child, ended };
}

/** Waits until the schema has so many tables, or the program that makes them is over. */
async function untilTables(url: string, name: string, enough: number, child: ChildProcess) {
  const connection = await createConnection(url);
  const sql = `select count(*) as n from information_schema.tables where table_schema = '${name}'`;
  try {
    while (child.exitCode === null) {
      const [rows] = await connection.query(sql);
      if (Number((rows as Row[])[0]!["n"]) >= enough) return;
    }
  } finally {
    await connection.end();
  }
}

interface End {
  readonly stdout: string;
  readonly stderr: string;
  /** Null when it was killed. */
  readonly code: number | null;
}

for (const flavour of flavours()) {
  describe(`migration on ${flavour}`, () => {
    const schemas: FreshSchema[] = [];
    const fresh = async () => {
      const schema = await freshSchema(flavour);
      schemas.push(schema);
      return schema;
    };
    /** A schema that was migrated in one go: what all others must come to. */
    let whole: FreshSchema;
    let wholeShape: string;
    /** How many migrations there are. */
    let migrations: number;
    before(async () => {
      whole = await fresh();
      migrations = (await migrate({ url: whole.url, ...silent })).length;
      wholeShape = await shapeOf(whole.url);
    });
    after(() => Promise.all(schemas.map((schema) => schema.drop())));

    it("is applied once when 4 programs start it at once, and all of them end well", async () => {
      const { url } = await fresh();
      const ends = await Promise.all([1, 2, 3, 4].map(() => startProgram(url).ended));
      for (const { code, stderr } of ends) assert.equal(code, 0, stderr);
      const first = ends.filter(({ stdout }) => stdout.includes("applied Migration"));
      const others = ends.filter(({ stdout }) => stdout.includes("nothing to apply"));
      assert.deepEqual([first.length, others.length], [1, 3]);
      const applied = await query(url, "select name from mikro_orm_migrations");
      assert.equal(new Set(applied.map((row) => row["name"])).size, applied.length);
      assert.equal(await shapeOf(url), wholeShape);
    });

    it("tells what is missing before it, and nothing after it", async () => {
      const { url } = await fresh();
      const orm = await openOrm({ url, poolMax: 1 });
      try {
        const missing = await missingMigrations(orm);
        assert.ok(missing.length > 0);
        assert.deepEqual(await migrate({ url, ...silent }), missing);
        assert.deepEqual(await missingMigrations(orm), []);
        assert.deepEqual(await migrate({ url, ...silent }), []);
      } finally {
        await closeOrm(orm);
      }
    });

    it("is finished by running it again, wherever it was killed", async () => {
      const tables = (await query(whole.url, "show tables")).length;
      // Each run is killed when it has made some tables more than the one before.
      for (const enough of [1, Math.ceil(tables / 2), tables - 1]) {
        const { url, name } = await fresh();
        const { child, ended } = startProgram(url);
        await untilTables(url, name, enough, child);
        child.kill("SIGKILL");
        await ended;
        await migrate({ url, ...silent });
        assert.equal(await shapeOf(url), wholeShape);
      }
    });

    it("can run every statement again where its effect is there already", async () => {
      const { url } = await fresh();
      await migrate({ url, ...silent });
      await execute(url, "update catalog_revisions set revision = 7");
      // As if the last run had been killed at the very end, before it noted that it was through.
      await execute(url, "delete from mikro_orm_migrations");
      assert.equal((await migrate({ url, ...silent })).length, migrations);
      assert.equal(await shapeOf(url), wholeShape);
      const [row] = await query(url, "select revision from catalog_revisions");
      assert.equal(Number(row!["revision"]), 7);
    });

    it("waits for a program that is at it, and does nothing meanwhile", async () => {
      const { url } = await fresh();
      const holder = await createConnection(url);
      const name = "concat('billing-guard-migrate-', left(sha2(database(), 256), 40))";
      await holder.query(`select get_lock(${name}, 0)`);
      const migrating = migrate({ url, ...silent });
      const waiting = `select count(*) as n from information_schema.processlist
        where info like 'select get_lock%' and db = database()`;
      while (Number((await query(url, waiting))[0]!["n"]) === 0);
      assert.deepEqual(await query(url, "show tables"), []);
      await holder.end();
      assert.equal((await migrating).length, migrations);
    });

    it("says what to do when the account may not create triggers, and then goes on", async () => {
      const { url, name } = await fresh();
      const account = `'limited_${name}'@'127.0.0.1'`;
      await execute(url, `create user ${account} identified by 'secret'`);
      try {
        await execute(url, `grant all privileges on ${name}.* to ${account}`);
        const limited = new URL(url);
        limited.username = `limited_${name}`;
        limited.password = "secret";
        await assert.rejects(
          migrate({ url: limited.href, ...silent }),
          /log_bin_trust_function_creators=1/,
        );
        await migrate({ url, ...silent });
        assert.equal(await shapeOf(url), wholeShape);
      } finally {
        await execute(url, `drop user ${account}`);
      }
    });

    it("makes ledgers whose rows can be neither changed nor removed", async () => {
      const { url } = whole;
      await execute(
        url,
        `insert into operations values ('op', 'M', 'k', 'u', 'ada', '[]', '', now(3))`,
      );
      await execute(
        url,
        `insert into quota_logs (operation_id, line, user_id, sequence, type, available_change,
          held_change, available_after, held_after, grant_remaining_after, description, method,
          caller, create_time)
          values ('op', 1, 'u', 1, 'GRANT', 1, 0, 1, 0, 1, '', 'M', 'ada', now(3))`,
      );
      await execute(
        url,
        `insert into audit_events values ('e', 'ada', 'A', 's', '', '{}', '', now(3))`,
      );
      const refused = /append-only/;
      for (const table of LEDGERS) {
        const rows = await query(url, `select * from ${table}`);
        await assert.rejects(execute(url, `update ${table} set create_time = now(3)`), refused);
        await assert.rejects(execute(url, `delete from ${table}`), refused);
        const id = table === "audit_events" ? "event_id" : "operation_id";
        const again = `insert into ${table} select * from ${table} as t
          on duplicate key update ${id} = 'x'`;
        await assert.rejects(execute(url, again), refused);
        await assert.rejects(execute(url, `replace into ${table} select * from ${table}`), refused);
        assert.deepEqual(await query(url, `select * from ${table}`), rows);
      }
    });

    it("makes tables that refuse what must never be", async () => {
      const { url } = whole;
      const user = (remaining: number, held: number) =>
        execute(
          url,
          `insert into users (user_id, state, suspend_reason, on_trial, quota_remaining, quota_held,
            log_sequence, create_time)
            values ('u${remaining}${held}', 'ACTIVE', '', 0, ${remaining}, ${held}, 0, now(3))`,
        );
      await assert.rejects(user(-1, 0), /users_quota_remaining_not_negative/);
      await assert.rejects(user(0, -1), /users_quota_held_not_negative/);
      await user(0, 0);
      const lot = (remaining: number) =>
        execute(
          url,
          `insert into quota_grants values ('u', 'g', 5, ${remaining}, 50, now(3), null,
            'ORDER', 'o', 'OPEN', now(3))`,
        );
      await assert.rejects(lot(6), /quota_grants_within_amount/);
      await assert.rejects(lot(-1), /quota_grants_within_amount/);
      await lot(5);
      const price = `insert into plans values ('p', 1, 'p', -1, 1, 0, 1, 50, 0, now(3), 'NONE', 'PUBLISHED')`;
      await assert.rejects(execute(url, price), /plans_price_not_negative/);
    });

    it("compares names by every letter: Alice is not alice", async () => {
      const { url } = whole;
      for (const name of ["Alice", "alice"]) {
        const list = `insert into feature_access values ('${name}', 'f', now(3), 'ada')`;
        await execute(url, list);
      }
      const rows = await query(url, "select user_id from feature_access where user_id = 'alice'");
      assert.deepEqual(
        rows.map((row) => row["user_id"]),
        ["alice"],
      );
    });

    // The comparison reads MariaDB's own wording of the schema as differences that are none.
    if (flavour === "mysql") {
      it("comes to exactly what the definitions in tables.ts say", async () => {
        const orm = await openOrm({ url: whole.url, poolMax: 1 });
        try {
          assert.equal(await orm.schema.getUpdateSchemaSQL({ wrap: false }), "");
        } finally {
          await closeOrm(orm);
        }
      });
    }
  });
}
